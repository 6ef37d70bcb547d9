"""How each row is measured: a function of a round, that returns a figure."""
