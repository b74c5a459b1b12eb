"""Multiplies matrices in two threads, which wait for each other asleep."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads of the library itself wait awake

from concurrent.futures import ThreadPoolExecutor

import numpy as np

LEFT, RIGHT = np.random.default_rng(7).normal(size=(2, 900, 900))
THREADS = ThreadPoolExecutor(2)


def handler(event: dict[str, int], context: object) -> object:
    halves = THREADS.map(lambda rows: LEFT[rows] @ RIGHT, (slice(0, 450), slice(450, 900)))
    return float(np.concatenate(list(halves)).trace())
