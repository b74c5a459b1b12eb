"""Reads what AWS already knows of a function: log, metrics, opinions. Invokes nothing and changes nothing."""
