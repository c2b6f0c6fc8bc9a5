"""Tables, figures and the page, from results alone."""
