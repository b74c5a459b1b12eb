"""Brings runs to the same conditions, so that sizes compare: the speed of the machine, and the payload."""
