"""`edge-agent`: the list of its commands, and what becomes of a failure."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from edge.commands.process import hurry_imports, show_error
from edge.commands.run import run_command
from edge.errors import EdgeError

# Each is `<name>_command` in `edge.commands.<name>`.
COMMANDS = ("collect", "check", "cameras", "inspect", "classify", "bench", "listen", "homeassistant")
PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False}


class CommandsWhenNamed(TyperGroup):
    """Makes a command when somebody names it: all of them would take 10 ms of each start."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All of them, for --help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or None."""
        # A name that does not exist is compared with all that do.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.add_command(_made(name), name)
        return super().get_command(ctx, cmd_name)


def _made(name: str) -> Any:
    function = getattr(importlib.import_module(f"edge.commands.{name}"), f"{name}_command")
    alone = typer.Typer(**PLAIN)
    alone.command(name)(function)
    return typer.main.get_command(alone)


app = typer.Typer(
    cls=CommandsWhenNamed, help="Turn a camera into labels on MQTT: edge-agent --camera 0", **PLAIN
)
app.callback(invoke_without_command=True)(run_command)


def main() -> None:
    """Run the command line; an EdgeError becomes one sentence on stderr and its exit code."""
    hurry_imports()
    try:
        app()
    except EdgeError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 (the last line of defence: a person must be able to read it)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        show_error(EdgeError("something went wrong that should not", what, "run it again with --debug"))
        sys.exit(1)
