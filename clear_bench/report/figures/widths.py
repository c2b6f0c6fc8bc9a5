"""Widths of figures in print; nothing here draws."""

COLUMN, WIDE = 3.25, 6.69  # inches: a column of two, and the text, of the usual paper classes
WIDTHS = {"column": COLUMN, "text": WIDE}
