"""One file a table or figure; the file name is its key."""
