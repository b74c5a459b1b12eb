"""How good the search is on functions whose truth is known: regret, its price, coverage, confidence, CPU time."""
