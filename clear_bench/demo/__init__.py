"""A page on this machine: attributes of a picture, and a gallery ranked by two methods."""
