"""`edge-agent`: the list of its commands, and what becomes of a failure."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from edge.commands.process import hurry_imports, show_error
from edge.commands.run.command import run_command
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.config import AgentConfig

# Each is `<name>_command` in `edge.commands.<name>`, or `<name>_app` where it has commands of its own.
COMMANDS = (
    "collect",
    "check",
    "doctor",
    "cameras",
    "inspect",
    "classify",
    "bench",
    "listen",
    "models",
    "homeassistant",
)


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
                self.add_command(_make_command(name), name)
        return super().get_command(ctx, cmd_name)


def _make_command(name: str) -> Any:
    module = importlib.import_module(f"edge.commands.{name}.command")
    app_of_command = getattr(module, f"{name}_app", None)
    if app_of_command is None:
        app_of_command = typer.Typer(add_completion=False)
        app_of_command.command(name)(getattr(module, f"{name}_command"))
    command = typer.main.get_command(app_of_command)
    command.name = name
    return command


app = typer.Typer(
    cls=CommandsWhenNamed,
    help="Turn a camera into labels on MQTT: edge-agent --camera 0",
    pretty_exceptions_enable=False,
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
    except ImportError as error:
        sys.exit(_report_missing_package(error))
    except Exception as error:  # noqa: BLE001 (the last line of defence: a person must be able to read it)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        show_error(EdgeError("something went wrong that should not", what, "run it again with --debug"))
        sys.exit(1)


def _report_missing_package(error: ImportError) -> int:
    """Say which package can't be loaded; `doctor` explains it, even where the command line can't be read."""
    if sys.argv[1:2] == ["doctor"]:
        from edge.commands.doctor.command import report

        return report(_no_configuration, None, as_json="--json" in sys.argv)
    show_error(EdgeError("can't load a package", str(error), "edge-agent doctor says what mends it"))
    return 1


def _no_configuration() -> AgentConfig:
    raise ImportError("the command line can't be read")
