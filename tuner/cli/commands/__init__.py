"""One module per command: its flags, one call, its output."""
