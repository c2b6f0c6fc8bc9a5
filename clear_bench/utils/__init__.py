"""Below everything: errors, files written whole, hashes, progress, the edge of a command."""
