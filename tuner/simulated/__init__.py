"""Functions whose curve is known: a backend with noise and faults, searches of them, and what those lost."""
