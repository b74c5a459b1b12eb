"""Whether something got worse: two results, a duet of two versions, drift from the best size."""
