"""What the mean of a few runs may be: environments that differ, and runs that are skewed."""
