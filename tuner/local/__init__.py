"""Real handlers in worker processes under Lambda's CPU share and memory limit.

`environment` runs one execution environment, `pool` several of them, `governor` holds
the workers to their limits. Nothing here knows about trials, samples or AWS clients.
"""
