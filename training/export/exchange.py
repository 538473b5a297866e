"""What a format's writer gets and its loader gives, and what becomes of a library's failure."""

from __future__ import annotations

import contextlib
import errno
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from training.errors import ExportError
from training.libraries import quiet_terminal, tensorflow

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]

INPUT, OUTPUT = "pixels", "scores"
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
LIBRARY_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, slots=True)
class Source:
    """What is exported: the Keras network, float RGB 0–255 (n, h, w, 3) → scores, and the shipped file."""

    model: Any
    shipped: Path


@dataclass(frozen=True, slots=True)
class Loaded:
    """An exported file as its own library has it: scores (n, labels) of uint8 RGB pictures (n, h, w, 3)."""

    library: str
    version: str
    scores: Callable[[Pixels], Float]


@contextlib.contextmanager
def quietly(what: str, *more: type[Exception]) -> Iterator[None]:
    """Keep a library's chatter off the terminal, and turn its failures, `more` among them, into ExportError.

    Not for use around anything that draws progress.
    """
    with translate_failures(what, *more), quiet_terminal(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def translate_failures(what: str, *more: type[Exception]) -> Iterator[None]:
    """Turn a library's failures, `more` among them, into ExportError; a full disk stays an OSError."""
    try:
        yield
    except EdgeError:
        raise
    except (*LIBRARY_FAILURES, tensorflow().errors.OpError, *more) as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        reason = (str(error).strip().splitlines() or [""])[0]
        why = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        raise ExportError(what, why, "take the versions in constraints.txt, or other formats") from error
