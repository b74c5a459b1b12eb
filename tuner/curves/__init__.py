"""Curves: what is believed of duration at every memory size and architecture, from few measurements.

`layout` chooses the sizes at which a curve is held, `mechanisms` draws curves that functions
are known to have, `observations` turns samples into numbers, `posterior` weighs the one by
the other, `tails` and `starts` add percentiles and cold starts, `estimate` puts them together.
"""
