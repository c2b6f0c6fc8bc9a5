"""Metrics of recognition and retrieval."""
