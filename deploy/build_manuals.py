"""Write the manual pages of `edge-agent` and `edge-train`, made from the command lines themselves.

    .venv/bin/python deploy/build_manuals.py OUTPUT_FOLDER

Where the training package can't be imported, only edge-agent.1 is written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from edge.distribution import version

AGENT_END = r"""
.SH FILES
.TP
.I agent.toml
The configuration of this folder, which is looked for first.
.TP
.I ~/.config/edge\-agent/agent.toml
The user's configuration; $XDG_CONFIG_HOME takes the place of ~/.config.
.TP
.I /etc/edge\-agent/agent.toml
The service's configuration.
.TP
.I /var/lib/edge\-agent/models
The models on this device; the service runs the one that
.I current
points to.
.SH ENVIRONMENT
.TP
.B EDGE_AGENT_MODEL
The model file, where \-\-model is not given.
.TP
.B EDGE_AGENT_BROKER_PASSWORD
The password for the broker.
.SH EXIT STATUS
0: done. 1: failure. 2: wrong command line.
69: a camera or the broker is unavailable, and that was asked to be fatal.
78: the configuration or the model is invalid.
"""
TRAIN_END = """
.SH EXIT STATUS
0: done. 1: failure. 2: wrong command line. 130: interrupted.
"""


def write_manual(folder: Path, program: str, command: Any, end: str) -> Path:
    """Write PROGRAM.1 for a command line as typer builds it; returns the file."""
    context = command.context_class(command, info_name=program)
    first = str(command.help).strip().splitlines()[0]
    lines = [
        f'.TH {program.upper()} 1 "" "edge-camera-agent {version()}"',
        ".SH NAME",
        f"{program} \\- {escape(first)}",
        ".SH SYNOPSIS",
        f".B {escape(program)}\n[options] [command [arguments]]",
        ".SH OPTIONS",
        *describe_options(command, context),
        ".SH COMMANDS",
        *describe_commands(command, context, ""),
    ]
    file = folder / f"{program}.1"
    file.write_text("\n".join(lines) + end, encoding="utf-8")
    return file


def describe_commands(group: Any, context: Any, prefix: str) -> Iterator[str]:
    """A section for each command, and for each command of its own."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        below = command.context_class(command, info_name=name, parent=context)
        yield f".SS {escape(prefix + name)}"
        for paragraph in str(command.help or "").strip().split("\n\n"):
            is_example = paragraph.startswith("edge-")
            yield f".nf\n{escape(paragraph)}\n.fi" if is_example else f"{escape(paragraph)}\n.PP"
        yield from describe_options(command, below)
        if hasattr(command, "list_commands"):
            yield from describe_commands(command, below, f"{prefix}{name} ")


def describe_options(command: Any, context: Any) -> Iterator[str]:
    """A paragraph for each option and argument that has a help text."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name != "help":
            yield f".TP\n.B {escape(record[0])}\n{escape(record[1])}"


def escape(text: str) -> str:
    """Text in troff: no line is taken for a request, and every character prints as it is typed."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in text)
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in text.splitlines())


def main() -> None:
    """Write the pages into the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: build_manuals.py OUTPUT_FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)

    from edge.cli import app as agent

    print(write_manual(folder, "edge-agent", typer.main.get_command(agent), AGENT_END))
    try:
        from training.cli import app as trainer
    except ImportError as error:
        print(f"edge-train.1 is left out: {error}", file=sys.stderr)
    else:
        print(write_manual(folder, "edge-train", typer.main.get_command(trainer), TRAIN_END))


if __name__ == "__main__":
    main()
