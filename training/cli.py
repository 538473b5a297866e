"""`edge-train`: the list of its commands, and what becomes of a failure."""

from __future__ import annotations

import errno
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from edge.errors import EdgeError
from training.commands.all import all_command
from training.commands.audit import audit_command
from training.commands.compare_models import compare_models_command
from training.commands.demo import demo_command
from training.commands.evaluate import evaluate_command
from training.commands.export import export_command
from training.commands.import_ import import_command
from training.commands.options import Version
from training.commands.pretrained import pretrained_command
from training.commands.quantize import quantize_command
from training.commands.report import report_command
from training.commands.train import train_command
from training.commands.tune import tune_command

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
INTERRUPTED = 130
COMMANDS: dict[str, Callable[..., None]] = {
    "audit": audit_command,
    "train": train_command,
    "quantize": quantize_command,
    "evaluate": evaluate_command,
    "report": report_command,
    "all": all_command,
    "compare-models": compare_models_command,
    "tune": tune_command,
    "export": export_command,
    "import": import_command,
    "pretrained": pretrained_command,
    "demo": demo_command,
}
for name, function in COMMANDS.items():
    app.command(name)(function)


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option(help="Show tracebacks and the log.")] = False,
    version: Version = False,
) -> None:
    """Train an image classifier on folders of photographs, for `edge-agent` to run."""
    if debug:
        logging.basicConfig(level=logging.INFO)


def main() -> None:
    """Run the command line; every failure becomes one sentence and an exit code."""
    try:
        app()
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except EdgeError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        what = f"can't write {error.filename}" if error.filename else "can't write the run"
        _fail(f"{what}: {error.strerror}; make room and run it again, earlier runs are untouched", 1)


def _fail(message: str, code: int) -> None:
    if "--debug" in sys.argv:
        traceback.print_exc()
    print(f"error: {message}" if code != INTERRUPTED else message, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
