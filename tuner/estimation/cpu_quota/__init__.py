"""What a CPU quota does to durations: CPU time against waiting, and the stairs of short functions."""
