"""Solves a system of equations. Its library may use two threads."""

import numpy as np

MATRIX = np.random.default_rng(7).normal(size=(900, 900))


def handler(event: dict[str, int], context: object) -> object:
    return float(np.linalg.solve(MATRIX, MATRIX[0]).sum())
