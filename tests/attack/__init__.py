"""Attacks on the whole product, each from a seed: damaged texts of every kind, and kills at random moments.

`make attack` runs them for at most ten minutes and prints seeds and counts. `make check` runs a short form.
"""
