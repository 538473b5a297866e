"""Spread work over all cores in threads: OpenCV and the runtime both let go of Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

from training.progress import Step

Worker = TypeVar("Worker")
Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0))


def spread(
    workers: Sequence[Worker],
    items: Sequence[Item],
    work: Callable[[Worker, Item], Result],
    step: Step = lambda: None,
) -> list[Result]:
    """Results of `work(worker, item)` in the items' order; no worker serves two items at a time.

    The first failure is raised and the items that have not begun are dropped.
    """
    idle: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def serve(item: Item) -> Result:
        worker = idle.get()
        try:
            return work(worker, item)
        finally:
            idle.put(worker)

    results: list[Result] = []
    with ThreadPoolExecutor(len(workers)) as pool:
        for result in pool.map(serve, items):
            results.append(result)
            step()
    return results
