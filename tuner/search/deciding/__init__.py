"""What the adaptive sampler decides by: what a trial is worth, its stopping rule, and the checks before it ends."""
