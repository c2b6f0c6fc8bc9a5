"""One training under mmengine, and trained models on whole splits."""
