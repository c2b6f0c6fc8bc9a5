"""What a run is, where it lies, and its record on disk."""
