"""Changes to a function: each is recorded before it is made, and undone from its record."""
