"""What to measure next, when to stop, and which configuration to recommend."""
