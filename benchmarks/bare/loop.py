"""The floor: `interpreter.invoke()` in a loop and nothing else. Prints wall and processor seconds.

Run: python -m benchmarks.bare.loop MODEL FRAMES [FPS]
With FPS it waits for each turn, as for a live camera; what it prints leaves the waiting out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from edge.model.interpreter import Network
from edge.model.model_file import read_model

WARM_UP = 10


def main() -> None:
    """Fill the input once, invoke `FRAMES` times."""
    network = Network(read_model(Path(sys.argv[1])).network, threads=1)
    frames = int(sys.argv[2])
    view = network.input_view()
    view[...] = np.random.default_rng(0).integers(0, 256, view.shape, dtype=np.uint8)
    del view
    for _ in range(WARM_UP):
        network.invoke()
    if len(sys.argv) > 3:
        _paced(network, frames, 1 / float(sys.argv[3]))
        return
    started, busy = time.perf_counter(), time.process_time()
    for _ in range(frames):
        network.invoke()
    print(time.perf_counter() - started, time.process_time() - busy)


def _paced(network: Network, frames: int, interval_s: float) -> None:
    wall_s = 0.0
    busy, due_s = time.process_time(), time.perf_counter()
    for _ in range(frames):
        due_s += interval_s
        time.sleep(max(0.0, due_s - time.perf_counter()))
        started = time.perf_counter()
        network.invoke()
        wall_s += time.perf_counter() - started
    print(wall_s, time.process_time() - busy)


if __name__ == "__main__":
    main()
