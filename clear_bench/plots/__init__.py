"""The drawing of figures, from records and files beside them alone: no torch."""
