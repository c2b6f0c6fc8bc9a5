"""Releases read into one form."""
