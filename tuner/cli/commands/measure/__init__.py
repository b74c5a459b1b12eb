"""Commands that measure functions."""
