"""Commands that read what logs already tell, and invoke nothing."""
