"""Whether a function that was tuned is still right-sized, from its logs."""
