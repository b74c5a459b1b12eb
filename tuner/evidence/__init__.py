"""What logs and metrics already tell of a function, without invoking it."""
