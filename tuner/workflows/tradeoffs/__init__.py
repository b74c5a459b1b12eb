"""Time against cost of a workflow: every trade-off, and the best sizes for one deadline or budget."""
