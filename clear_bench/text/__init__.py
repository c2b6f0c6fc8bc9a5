"""Pseudo-descriptions and the frozen encoders that embed them."""
