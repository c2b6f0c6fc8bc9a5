"""Attributes of one's own pictures: what is asked for, decoded in parallel, predicted, written."""
