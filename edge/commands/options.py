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


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the versions of this package, the runtime and Python, and exit.",
    ),
]
Camera = Annotated[
    list[str] | None,
    typer.Option(
        "--camera",
        "-c",
        metavar="[NAME=]SOURCE",
        help="Where the pictures come from: 0 or /dev/video0 (a webcam), usb://name, csi://0 (Raspberry Pi), "
        "rtsp://…, http://…, a video file, a folder of images, watch://folder, or test:// (a test pattern). "
        "Give it again for each further camera.",
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        "--crop", metavar="X,Y,W,H", help="Use only this part, in pixels or in fractions such as 0.5."
    ),
]
Rotate = Annotated[
    int | None, typer.Option("--rotate", help="Turn the picture clockwise by 0, 90, 180 or 270 degrees.")
]
Flip = Annotated[
    str | None, typer.Option("--flip", help="Mirror the picture: horizontal (left and right) or vertical.")
]
Model = Annotated[
    Path | None, typer.Option("--model", "-m", help="The model file (default: runs/latest/model.tflite).")
]
Labels = Annotated[
    Path | None, typer.Option("--labels", help="A file with one label a line, for a model that carries none.")
]
Mean = Annotated[
    str | None,
    typer.Option(
        "--mean", metavar="X[,X,X]", help="For a model from elsewhere: its input is (pixel − mean) / std."
    ),
]
Std = Annotated[str | None, typer.Option("--std", metavar="X[,X,X]", help="The std that belongs to --mean.")]
Fit = Annotated[
    str | None,
    typer.Option("--fit", help="For a model from elsewhere: crop, pad or stretch pictures (default: crop)."),
]
Broker = Annotated[
    str | None,
    typer.Option(
        "--broker",
        "-b",
        metavar="URL",
        help="The MQTT broker: mqtt://user@host:1883, mqtts://host, or embedded[:PORT] to start one "
        "(default: mqtt://localhost:1883).",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file (default: the first of agent.toml, ~/.config/edge-agent/agent.toml "
        "and /etc/edge-agent/agent.toml).",
    ),
]
Prefix = Annotated[
    str | None, typer.Option("--topic-prefix", help="The first level of all topics (default: edge).")
]
Device = Annotated[
    str | None, typer.Option(help="This device's name in the topics (default: the host's name).")
]
Threads = Annotated[
    int | None, typer.Option("--threads", help="How many threads the model runs in (default: 1).")
]
Runtime = Annotated[
    str | None,
    typer.Option("--runtime", help="What runs the model: auto, litert or tflite-runtime (default: auto)."),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        "--min-confidence", help="Answer `unknown` below this score (default: the model's own limits)."
    ),
]
RequireCamera = Annotated[
    bool, typer.Option("--require-camera", help="Exit with 69 if a camera is missing at the start.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Debug = Annotated[bool, typer.Option("--debug", help="Log everything, and show a traceback with an error.")]
