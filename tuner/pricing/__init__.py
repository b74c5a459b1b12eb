"""What an invocation costs: price lists, and what measuring has cost and is expected to cost."""
