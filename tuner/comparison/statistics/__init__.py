"""The tests behind a verdict: differences of environments, signed ranks, counts and how error is spent over looks."""
