"""Functions whose curve is known: a backend with noise and faults, and the regret of a search."""
