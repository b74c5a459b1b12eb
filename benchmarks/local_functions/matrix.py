"""Solves a system of equations. Its library may use two threads."""

import numpy as np

MATRIX = np.random.default_rng(7).normal(size=(1200, 1200))


def handler(event: dict[str, int], context: object) -> object:
    return float(np.linalg.solve(MATRIX, MATRIX[0]).sum())
