"""The page: one static file of all results."""
