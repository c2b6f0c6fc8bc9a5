"""From records to groups, statistics and comparisons."""
