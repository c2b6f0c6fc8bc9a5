"""Studies of CLEAR: one file a study, its name is the key."""
