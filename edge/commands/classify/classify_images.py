"""`edge-agent classify`: images and folders of images → one answer each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ImageError, UsageError
from edge.infer.classifier import Classifier
from edge.preprocess import IMAGE_SUFFIXES, read_image
from edge.records import LabelScore, Limits, Scores, UnknownReason, ranked
from edge.unknown_rule import unknown_reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of one image file; `label` is None when it does not know."""

    path: Path
    label: str | None
    confidence: float
    unknown_reason: UnknownReason | None
    top: tuple[LabelScore, ...]
    familiarity: float | None = None


def find_image_files(paths: list[Path]) -> list[Path]:
    """The files named, and for each folder the images below it in order; raises UsageError."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"can't classify {path}", "there is no such file or folder", "check the path")
        found = (
            sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
            if path.is_dir()
            else [path]
        )
        if not found:
            raise UsageError(f"can't classify {path}", "the folder holds no images", "give images")
        files += found
    return files


def classify_files(classifier: Classifier, files: list[Path]) -> Iterator[Answer | ImageError]:
    """One answer a file by the classifier's limits, or the error that kept it from being read."""
    for path in files:
        try:
            image = read_image(path)
        except ImageError as error:
            yield error
            continue
        yield make_answer(path, classifier.classify(image), classifier.labels, classifier.limits)


def make_answer(path: Path, scores: Scores, labels: tuple[str, ...], limits: Limits) -> Answer:
    """The answer that the scores of one image file give."""
    top = ranked(labels, scores.values)
    reason = unknown_reason(scores, labels, limits)
    return Answer(path, None if reason else top[0].label, top[0].score, reason, top, scores.familiarity)
