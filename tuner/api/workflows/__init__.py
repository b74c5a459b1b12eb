"""Sizes for whole workflows: what `tuner workflow` and `tuner.tune_workflow` do."""
