"""`edge-agent`: the list of its commands, and what becomes of a failure."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from edge.commands.bench import bench_command
from edge.commands.cameras import cameras_command
from edge.commands.check import check_command
from edge.commands.classify import classify_command
from edge.commands.collect import collect_command
from edge.commands.doctor import doctor_command, report
from edge.commands.homeassistant import homeassistant_command
from edge.commands.inspect import inspect_command
from edge.commands.listen import listen_command
from edge.commands.models import models_app
from edge.commands.process import hurry_imports, show_error
from edge.commands.run import run_command
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.config import AgentConfig

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turn a camera into labels on MQTT: edge-agent --camera 0",
)
COMMANDS: dict[str, Callable[..., None]] = {
    "collect": collect_command,
    "check": check_command,
    "doctor": doctor_command,
    "cameras": cameras_command,
    "inspect": inspect_command,
    "classify": classify_command,
    "bench": bench_command,
    "listen": listen_command,
    "homeassistant": homeassistant_command,
}
app.callback(invoke_without_command=True)(run_command)
for name, function in COMMANDS.items():
    app.command(name)(function)
app.add_typer(models_app, name="models")


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
        sys.exit(_without_a_package(error))
    except Exception as error:  # noqa: BLE001 (the last line of defence: a person must be able to read it)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        show_error(EdgeError("something went wrong that should not", what, "run it again with --debug"))
        sys.exit(1)


def _without_a_package(error: ImportError) -> int:
    """The exit code; reading the command line may need the package as well, but not for doctor."""
    if sys.argv[1:2] == ["doctor"]:
        return report(_no_configuration, None, as_json="--json" in sys.argv)
    show_error(EdgeError("can't load a package", str(error), "edge-agent doctor says what mends it"))
    return 1


def _no_configuration() -> AgentConfig:
    raise ImportError("the command line can't be read")
