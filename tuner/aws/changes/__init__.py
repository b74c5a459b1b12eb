"""Every change to a function: recorded before it is made, and undone by its record."""
