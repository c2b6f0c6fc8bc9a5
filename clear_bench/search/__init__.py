"""Search by hand: a folder of one's own images, ranked by a query in attributes or words."""
