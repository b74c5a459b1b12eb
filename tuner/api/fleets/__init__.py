"""Many functions at once: which ones, and tuning all of them."""
