"""A package per subject, a module per command: its flags, one call, its output."""
