"""Commands that change functions and the files that define them."""
