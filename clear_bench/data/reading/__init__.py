"""What the readers of releases share."""
