"""The child process: loads and runs each damaged file named on stdin, and says how that ended.

Run: python -m tests.fuzz.trial MODEL RUNTIME SECONDS [LABELS] < paths.txt
Each answer is a JSON line. It lives under limits: memory by RLIMIT_AS, and a timer that kills it where a file
takes too long. A child that ends without an answer was ended by the file it was at.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edge import preprocess
from edge.errors import EdgeError
from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.interpreter import RuntimeName
from edge.model.model_file import read_model
from edge.unknown_rule import unknown_reason

MEMORY_BYTES = 2 << 30
REFUSED, SAME, CHANGED, ESCAPED = "refused", "same", "CHANGED", "ESCAPED"
Answer = tuple[tuple[str, ...], list[tuple[int, str | None]]]


def main() -> None:
    """Answer for each line of stdin."""
    model, runtime, limit_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    labels = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    pictures = _pictures(model)
    right = _answer(model, None, runtime, pictures)  # type: ignore[arg-type]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        outcome, why = _judge(Path(line.rstrip("\n")), labels, runtime, pictures, right)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps({"outcome": outcome, "why": why}), flush=True)


def _judge(
    path: Path, labels: Path | None, runtime: Any, pictures: list[preprocess.Image], right: Answer
) -> tuple[str, str]:
    try:
        found = _answer(path, labels, runtime, pictures)
    except EdgeError as error:
        text = str(error)
        return (REFUSED, text) if text and text.isprintable() else (ESCAPED, f"not one line: {text!r}")
    except BaseException as error:  # noqa: BLE001 (whatever it is, it must not have got here)
        return ESCAPED, f"{type(error).__name__}: {error}"[:300]
    return (SAME, "") if found == right else (CHANGED, f"{found} instead of {right}")


def _answer(
    path: Path, labels: Path | None, runtime: RuntimeName, pictures: list[preprocess.Image]
) -> Answer:
    """The labels, and for each picture the best one and why it would be unknown."""
    classifier = Classifier(read_model(path, labels), runtime=runtime)
    run_selftest(classifier)
    decisions = []
    for picture in pictures:
        scores = classifier.classify(picture)
        best = int(np.argmax(scores.values))
        decisions.append((best, unknown_reason(scores, classifier.labels, classifier.limits)))
    return classifier.labels, decisions


def _pictures(model: Path) -> list[preprocess.Image]:
    """The self-test's, a little of every colour, and black."""
    images = read_model(model).selftest_images
    noise = np.random.default_rng(1).integers(0, 256, (3, 40, 40, 3), np.uint8)
    ramps = [np.full((50, 30, 3), shade, np.uint8) for shade in ((90, 40, 40), (60, 90, 50), (0, 0, 0))]
    return [*(preprocess.decode(data) for _, data in sorted(images.items())), *noise, *ramps]


if __name__ == "__main__":
    main()
