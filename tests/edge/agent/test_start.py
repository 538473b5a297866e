"""What the start of a command changes in its process, and gives back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
THRESHOLDS = """
import gc
usual = gc.get_threshold()
from edge.commands.process import hurry_imports, settle
hurry_imports()
hurried = gc.get_threshold()
settle()
print(hurried[0] > usual[0], gc.get_threshold() == usual, gc.get_freeze_count() > 0)
"""
MEMORY = """
import os
from pathlib import Path
from edge.commands.process import settle
def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
blocks = [bytearray(b"x" * 100_000) for _ in range(400)]
last = bytearray(b"x" * 100_000)  # keeps the heap from shrinking by itself
del blocks
before_mb = resident_mb()
settle()
print(before_mb - resident_mb() > 30)
"""
PICTURES = """
import resource
import numpy as np
from edge.commands.process import settle
settle()
def fetched():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones((1080, 1920, 3), np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
fetched()
print(fetched())
"""
SETTINGS = """
import os
from edge.commands.process import hurry_imports
hurry_imports()
print(os.environ["OPENBLAS_NUM_THREADS"])
"""


def said(code: str, **settings: str) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    command, environment = [sys.executable, "-c", code], environment | settings
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=600
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_garbage_is_collected_as_usual_after_the_start() -> None:
    assert said(THRESHOLDS) == ["True", "True", "True"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to")
def test_memory_that_the_start_has_freed_is_given_back() -> None:
    assert said(MEMORY) == ["True"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to")
def test_the_memory_of_a_picture_is_kept_for_the_next_one() -> None:
    assert int(said(PICTURES)[0]) < 50
    let_go = {"MALLOC_TRIM_THRESHOLD_": "1000000", "MALLOC_MMAP_THRESHOLD_": "1000000"}
    assert int(said(PICTURES, **let_go)[0]) >= 50, "somebody wants it otherwise"


def test_blas_gets_no_threads_unless_somebody_asks_for_them() -> None:
    assert said(SETTINGS) == ["1"]
    assert said(SETTINGS, OPENBLAS_NUM_THREADS="2") == ["2"]
