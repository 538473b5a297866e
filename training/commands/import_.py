"""`edge-train import`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import Out, RunsDir

if TYPE_CHECKING:
    from edge.input_settings import InputSettings
    from edge.model.model_file import ModelFile
    from training.packing.import_model import Said

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="A .tflite file, or a zip with one.")]
Labels = Annotated[Path | None, typer.Option(help="Label list for a model that carries none.")]
Mean = Annotated[str | None, typer.Option(metavar="X[,X,X]", help="Its input is (0…255 − mean) / std.")]
Std = Annotated[str | None, typer.Option(metavar="X[,X,X]", help="See --mean.")]
Fit = Annotated[str | None, typer.Option(help="crop, pad or stretch [default: crop]")]
Name = Annotated[str | None, typer.Option(help="The model's name [default: the file's]")]
Data = Annotated[
    Path | None, typer.Option("--data", "-d", help="Photographs in class folders, to judge it by.")
]
MinAccuracy = Annotated[
    float | None, typer.Option(help="Least accuracy on them [default: clearly above chance]", min=0, max=1)
]


def import_command(
    model: ModelArgument,
    labels: Labels = None,
    mean: Mean = None,
    std: Std = None,
    fit: Fit = None,
    name: Name = None,
    data: Data = None,
    min_accuracy: MinAccuracy = None,
    out: Out = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Make one of our model files of a model from elsewhere; with photographs, measure it first."""
    from edge.infer.classifier import Classifier
    from training.commands.terminal import Terminal
    from training.packing.import_model import Said, find_photographs, import_model, measure
    from training.packing.package_foreign import place, point_first_latest

    terminal = Terminal()
    foreign = _complete(model, Said(labels, _settings(mean, std, fit)))
    measured = None
    if data is not None:
        photographs = find_photographs(data, Classifier(foreign).labels)
        measured = measure(foreign, photographs, min_accuracy, terminal)
        terminal.note(f"right on {measured.accuracy:.3f} of {measured.count} photographs")
    name = name or foreign.name
    path = place(runs_dir, f"import-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}", out)
    import_model(foreign, name, measured, path, terminal)
    is_default = out is None and point_first_latest(path)
    terminal.note(f"model: {path}" + (", which edge-agent now takes by default" if is_default else ""))


def _complete(path: Path, said: Said) -> ModelFile:
    """The foreign model; on a terminal, asks for what it lacks, elsewhere the classifier refuses it."""
    from training.packing.import_model import Said, open_foreign, unknown_of

    foreign = open_foreign(path, said)
    if not sys.stdin.isatty():
        return foreign
    for unknown in unknown_of(foreign):
        if unknown == "labels":
            said = Said(Path(typer.prompt("A file with its labels, one a line")), said.settings)
        else:
            mean = typer.prompt("Mean of its normalisation (127.5 for −1 to 1, 0 for 0 to 1)")
            std = typer.prompt("Its std (127.5 for −1 to 1, 255 for 0 to 1)")
            said = Said(said.labels, _settings(mean, std, None).over(said.settings))
        foreign = open_foreign(path, said)
    return foreign


def _settings(mean: str | None, std: str | None, fit: str | None) -> InputSettings:
    from pydantic import ValidationError

    from edge.errors import UsageError
    from edge.input_settings import InputSettings

    try:
        return InputSettings.model_validate({"mean": mean, "std": std, "fit": fit})
    except ValidationError as error:
        finding = error.errors()[0]
        key = ".".join(map(str, finding["loc"][:1]))
        why = f"{key}: {finding['msg']}" if key else finding["msg"]
        raise UsageError("a command line option is invalid", why, "see --help") from error
