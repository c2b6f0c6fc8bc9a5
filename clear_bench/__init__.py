"""Benchmark and ablation suite for person attribute recognition and retrieval."""
