"""Ten small functions in the kinds of published serverless benchmarks, for `benchmarks.local_answers`."""
