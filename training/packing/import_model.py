"""A foreign model → one of our files, from what it says of itself, what a person adds and photographs."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.infer.classifier import Classifier
from edge.input_settings import InputSettings
from edge.model.foreign.probe import try_out
from edge.model.interpreter import Network
from edge.model.manifest import Accuracy, Coding
from edge.model.model_file import ModelFile, read_model
from edge.preprocess import IMAGE_SUFFIXES, read_image
from training.errors import AcceptanceError, DataError
from training.evaluation.intervals import wilson
from training.packing.package_foreign import ForeignModel, Origin, package_foreign
from training.parallel import core_count, spread
from training.progress import Reporter

# Nobody has measured another: below one half another label may be as likely.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of a foreign model."""

    labels: Path | None = None
    settings: InputSettings = InputSettings()  # noqa: RUF009 (frozen)


@dataclass(frozen=True, slots=True)
class Photograph:
    """One file, and its folder's label."""

    path: Path
    label: str


def open_foreign(path: Path, said: Said) -> ModelFile:
    """Read a foreign model and try it out in a process of its own; raises ModelError, DataError."""
    model = read_model(path, said.labels, said.settings)
    if model.manifest is not None:
        raise DataError(f"there is nothing to import in {path}", "it is one of our files", "use it as it is")
    try_out(path, model.network, "auto")
    return model


def unknown_of(model: ModelFile) -> tuple[str, ...]:
    """What nobody has said yet and the model can't do without: `labels`, `mean and std`."""
    needs_mean = Network(model.network).input.dtype.name == "float32" and model.given.settings.mean is None
    return tuple(["labels"] * (not model.labels) + ["mean and std"] * needs_mean)


def measure(
    model: ModelFile, photographs: Sequence[Photograph], min_accuracy: float | None, reporter: Reporter
) -> Accuracy:
    """Top-1 accuracy on photographs, on the device's runtime; raises AcceptanceError where it is too low.

    min_accuracy: 0 to 1; None asks for clearly more than always naming the largest folder's label.
    """
    classifiers = [Classifier(model) for _ in range(core_count())]

    def is_right(classifier: Classifier, photograph: Photograph) -> bool:
        scores = classifier.classify(read_image(photograph.path)).values
        return classifier.labels[int(scores.argmax())] == photograph.label and scores.max() > 0

    with reporter.steps("measuring the imported network", len(photographs)) as step:
        right = sum(spread(classifiers, photographs, is_right, step))
    found = Accuracy(accuracy=right / len(photographs), count=len(photographs))
    _check_accuracy(found, right, chance(photographs, classifiers[0].labels), min_accuracy)
    return found


def chance(photographs: Sequence[Photograph], labels: Sequence[str]) -> float:
    """The accuracy of a network that always names one label, the best one for these photographs."""
    folders = Counter(photograph.label for photograph in photographs)
    return max(folders.values()) / len(photographs) if len(folders) > 1 else 1 / len(labels)


def find_photographs(data: Path, labels: Sequence[str]) -> tuple[Photograph, ...]:
    """The photographs in folders that are named as labels are; raises DataError where one is not."""
    folders = sorted(path for path in data.iterdir() if path.is_dir()) if data.is_dir() else []
    named = {label.casefold(): label for label in labels}
    for folder in folders:
        if folder.name.casefold() not in named:
            close = difflib.get_close_matches(folder.name.casefold(), named, n=3)
            like = f"rename it ({', '.join(named[name] for name in close)}?)" if close else "rename it"
            why = f"{folder.name!r} is none of the model's {len(labels)} labels"
            raise DataError(f"can't measure on {data}", why, f"{like}, or leave that folder out")
    found = tuple(
        Photograph(path, named[folder.name.casefold()])
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    )
    if not found:
        raise DataError(f"can't measure on {data}", "it has no folders of photographs", "give one a class")
    return found


def import_model(
    model: ModelFile, name: str, measured: Accuracy | None, out: Path, reporter: Reporter
) -> ModelFile:
    """Write the foreign model as one of our files; raises ModelError where something is not known."""
    classifier = Classifier(model)
    coding = Coding(
        mean=classifier.coding.mean,
        std=classifier.coding.std,
        activation=classifier.activation,
        background=classifier.background,
    )
    origin = Origin("unknown", f"imported from {model.path.name}")
    found = measured or Accuracy(accuracy=0.0, count=0)
    foreign = ForeignModel(name, classifier.labels, classifier.spec, coding, THRESHOLD, origin, found)
    imported = package_foreign(model.network, foreign, out)
    reporter.note(f"imported {model.path.name}: {len(classifier.labels)} labels, input {classifier.coding}")
    return imported


def _check_accuracy(found: Accuracy, right: int, by_chance: float, min_accuracy: float | None) -> None:
    low, high = wilson(right, found.count)
    enough = low > by_chance if min_accuracy is None else found.accuracy >= min_accuracy
    if enough:
        return
    wanted = f"chance gives {by_chance:.3f}" if min_accuracy is None else f"{min_accuracy:.3f} is asked for"
    why = f"it is right on {right} of {found.count} photographs ({low:.3f} to {high:.3f}), and {wanted}"
    advice = "its labels are in another order, or its input wants another --mean and --std or --fit"
    raise AcceptanceError("the imported network does not know these photographs", why, advice)
