"""TensorFlow and Keras, imported late and kept quiet: `--help` stays instant and the terminal readable."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from edge.distribution import install_hint
from training.errors import MissingLibraryError

QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # same results on every processor, and one notice less
    "KERAS_BACKEND": "tensorflow",
}


def tensorflow() -> Any:
    """The tensorflow module; raises MissingLibraryError."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        with quiet_terminal(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module("tensorflow")
    except ImportError as error:
        advice = install_hint("training")
        raise MissingLibraryError("can't load TensorFlow", str(error), advice) from error
    module.get_logger().setLevel("ERROR")
    return module


def keras() -> Any:
    """The keras module, on TensorFlow; raises MissingLibraryError."""
    tensorflow()
    return importlib.import_module("keras")


@contextlib.contextmanager
def quiet_terminal() -> Iterator[None]:
    """Keep what C++ code writes straight to descriptors 1 and 2 off the terminal.

    Not for use around anything that draws progress. If the body fails, what was held back is shown.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 1)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, number in zip(saved, (1, 2), strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
