"""CLEAR's networks and the contract of every method."""
