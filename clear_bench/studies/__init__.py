"""Carry the runs of a study out, on one machine or several."""
