"""Commands that look things up and serve other tools."""
