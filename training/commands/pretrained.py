"""`edge-train pretrained`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.commands.options import Out, RunsDir

Backbone = Annotated[str, typer.Option(help="efficientnet_lite0, _lite1, _lite2 or mobilenet_v2.")]
Size = Annotated[int | None, typer.Option(help="Pixels square [default: what it was trained with]", min=32)]


def pretrained_command(
    backbone: Backbone = "efficientnet_lite0",
    size: Size = None,
    out: Out = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Make a model file of ImageNet's thousand classes, without photographs and without training."""
    from training.commands.terminal import Terminal
    from training.packing.package_foreign import place, point_first_latest
    from training.packing.pretrained import PretrainedOptions, make_pretrained

    terminal = Terminal()
    path = place(runs_dir, f"imagenet-{backbone}", out)
    model = make_pretrained(PretrainedOptions(backbone, size), path, terminal)
    is_default = out is None and point_first_latest(path)
    terminal.note(f"model: {path}, {len(model.labels)} labels")
    terminal.note("try it: edge-agent --camera 0" + ("" if is_default else f" --model {path}"))
