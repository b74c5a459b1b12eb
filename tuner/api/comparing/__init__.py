"""Whether something got worse: what `tuner compare` and `tuner duet` do, and the functions of these names."""
