"""Tables: what they hold, how they are made and written."""
