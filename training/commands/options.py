"""The options that commands share: each is spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _print_version(wanted: bool) -> None:
    if wanted:
        from edge.distribution import RUNTIMES, describe_version

        typer.echo(describe_version("edge-train", (*RUNTIMES, "tensorflow", "tensorflow-cpu")))
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the versions of this package, the libraries and Python, and exit.",
    ),
]
DataArgument = Annotated[Path | None, typer.Argument(help="Folder of class folders (or --data).")]
DataOption = Annotated[Path | None, typer.Option("--data", "-d", help="Folder of class folders.")]
RunsDir = Annotated[Path, typer.Option(help="Where the runs are.")]
RunName = Annotated[str | None, typer.Option("--run", help="A run's name; the one trained last if left out.")]
Backbone = Annotated[str | None, typer.Option(help="The feature network [default: mobilenet_v2]")]
Size = Annotated[int | None, typer.Option(help="The network's input, pixels square [default: 224]")]
Epochs = Annotated[int | None, typer.Option(help="Most epochs for the head; it stops earlier by itself.")]
FineTune = Annotated[
    int | None, typer.Option(help="Most epochs of fine-tuning the last blocks [default: 0, none]")
]
Views = Annotated[int | None, typer.Option(help="Augmented views of each photograph [default: 1]")]
Seed = Annotated[int | None, typer.Option(help="Decides the split and all random numbers [default: 1]")]
Fit = Annotated[str | None, typer.Option(help="crop, pad or stretch: how a photograph meets the input.")]
Interpolation = Annotated[str | None, typer.Option(help="pyramid, area or linear [default: pyramid]")]
Weights = Annotated[str | None, typer.Option(help="imagenet, or none for random ones (to try things out).")]
GroupBy = Annotated[
    str | None, typer.Option(metavar="REGEX", help="Files whose names match alike stay in one part.")
]
Other = Annotated[
    Path | None, typer.Option(help="Photographs of none of the classes, to measure how they are refused.")
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings in a TOML file.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting, as head.dropout=0.5.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail where the audit has errors or warnings.")]
Name = Annotated[str | None, typer.Option(help="The run's name; made of time and backbone if left out.")]
MaxDrop = Annotated[float, typer.Option(help="Loss of accuracy that int8 may bring.", min=0.0, max=1.0)]
MinAgreement = Annotated[
    float,
    typer.Option(help="Least share of pictures with the same label in float and int8.", min=0.0, max=1.0),
]
Fallback = Annotated[
    bool, typer.Option(help="Where int8 does not pass: try mixed precision, dynamic range and float16.")
]
Calibration = Annotated[int, typer.Option(help="Photographs to calibrate on.", min=1)]
TargetPrecision = Annotated[
    float | None,
    typer.Option(help="Share of the answers that should be right [default: 0.95]", min=0.5, max=1.0),
]
Out = Annotated[Path | None, typer.Option(help="The file to write [default: in the folder of runs]")]
SelftestKind = Annotated[str, typer.Option("--selftest", help="photos, synthetic or none.")]


def one_folder(argument: Path | None, option: Path | None, config: Path | None = None) -> Path | None:
    """The folder of photographs, given either way; None if a file may name it. Raises typer.BadParameter."""
    if (argument and option) or not (argument or option or config):
        raise typer.BadParameter("name one folder of photographs: edge-train train photos/")
    return argument or option
