"""Data sets: one file each, read into one form."""
