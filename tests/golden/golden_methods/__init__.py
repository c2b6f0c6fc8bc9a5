"""Methods that exist for the golden numbers alone."""
