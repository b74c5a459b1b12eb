"""Writes frames to /tmp, reads them back, and finds where the picture moves, as video work does."""

import tempfile
from pathlib import Path

import numpy as np

FRAMES = np.random.default_rng(7).integers(0, 256, (90, 360, 640), dtype=np.uint8)


def handler(event: dict[str, int], context: object) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.raw"
        FRAMES.tofile(path)
        frames = np.fromfile(path, dtype=np.uint8).reshape(FRAMES.shape)
    moved = [np.abs(frames[n].astype(np.int16) - frames[n - 1]) > 32 for n in range(1, len(frames))]
    return [int(one.sum()) for one in moved][-1]
