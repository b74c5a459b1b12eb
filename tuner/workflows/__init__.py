"""Sizes for all functions of a workflow together: its model, the exact trade-off front, and the answer to a bound."""
