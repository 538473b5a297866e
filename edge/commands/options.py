"""The options that commands share: each is spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _print_version(wanted: bool) -> None:
    if wanted:
        from edge.distribution import describe_version

        typer.echo(describe_version("edge-agent"))
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the versions of this package, the runtime and Python, and exit.",
    ),
]
CameraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--camera",
        "-c",
        metavar="[NAME=]SOURCE",
        help="0, /dev/video0, usb://name, csi://0, rtsp://…, http://…, a video, a folder of images, "
        "watch://folder, test://; may be repeated.",
    ),
]
CropOption = Annotated[
    str | None,
    typer.Option("--crop", metavar="X,Y,W,H", help="Only this part; pixels, or fractions such as 0.5."),
]
RotateOption = Annotated[
    int | None, typer.Option("--rotate", help="Then turn it clockwise: 0, 90, 180 or 270 degrees.")
]
FlipOption = Annotated[
    str | None, typer.Option("--flip", help="Then mirror it: horizontal (left and right) or vertical.")
]
ModelOption = Annotated[
    Path | None, typer.Option("--model", "-m", help="Model file (default: runs/latest/model.tflite)")
]
LabelsOption = Annotated[
    Path | None, typer.Option("--labels", help="Label list for a model that carries none, one a line.")
]
MeanOption = Annotated[
    str | None,
    typer.Option("--mean", metavar="X[,X,X]", help="A foreign model's input is (0…255 − mean) / std; R,G,B."),
]
StdOption = Annotated[str | None, typer.Option("--std", metavar="X[,X,X]", help="See --mean.")]
FitOption = Annotated[
    str | None, typer.Option("--fit", help="Of a foreign model: crop, pad or stretch (default: crop)")
]
BrokerOption = Annotated[
    str | None,
    typer.Option(
        "--broker",
        "-b",
        metavar="URL",
        help="mqtt://user@host:1883, mqtts://host, embedded[:PORT] (default: mqtt://localhost:1883)",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file (default: the first of agent.toml, ~/.config/edge-agent/agent.toml "
        "and /etc/edge-agent/agent.toml).",
    ),
]
PrefixOption = Annotated[str | None, typer.Option("--topic-prefix", help="First topic level (default: edge)")]
DeviceOption = Annotated[str | None, typer.Option(help="Topic level (default: the host's name)")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="Interpreter threads (default: 1)")]
RuntimeOption = Annotated[
    str | None, typer.Option("--runtime", help="auto, litert or tflite-runtime (default: auto)")
]
ConfidenceOption = Annotated[
    float | None,
    typer.Option("--min-confidence", help="Below it the answer is unknown (default: the model's)"),
]
RequireCameraOption = Annotated[bool, typer.Option("--require-camera", help="No camera: exit 69.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Log everything; tracebacks on errors.")]
