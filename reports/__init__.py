"""What a reader gets: the tables and figures that `reports.specs` describes."""
