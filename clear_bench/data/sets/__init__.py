"""One file a data set, its helpers beside it."""
