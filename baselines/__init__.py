"""Published methods: one file a method, its name is the key."""
