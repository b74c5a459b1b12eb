"""How good the search is on curves whose truth is known: regret, cost of the search, coverage, CPU time."""
