"""`edge-train export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import RunName, RunsDir

if TYPE_CHECKING:
    from training.export.record import ExportedFile

Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="Of keras, h5, saved-model, tflite-float32, tflite-float16, tflite-dynamic, tflite-int8, onnx, "
        "all; may be given several times [default: all]",
    ),
]
Out = Annotated[Path | None, typer.Option(help="Where to [default: export in the run's folder]")]
Images = Annotated[int, typer.Option(help="Test photographs to compare each file on.", min=1)]


def export_command(
    run: RunName = None,
    formats: Formats = None,
    out: Out = None,
    images: Images = 50,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a trained run for other people's tools; each file is loaded again and compared first."""
    from training.commands.terminal import Terminal
    from training.errors import ExportError
    from training.export.stage import ExportOptions, export
    from training.runs import find_run

    found, terminal = find_run(runs_dir, run), Terminal()
    exported = export(found, ExportOptions(tuple(formats or ()), out, images), terminal)
    if exported.files:
        title = f"{found.name} on {exported.files[0].photographs} test photographs"
        header = ("format", "loaded by", "size", "agreement", "difference")
        terminal.table(title, header, [_row(file) for file in exported.files])
        terminal.note(f"exported to {exported.folder}")
    if exported.refused:
        what = (
            f"{len(exported.refused)} of {len(exported.files) + len(exported.refused)} formats were refused"
        )
        why = "; ".join(f"{refused.format}: {refused.why}" for refused in exported.refused)
        raise ExportError(what, why, "files of earlier exports are as they were")


def _row(file: ExportedFile) -> tuple[str, ...]:
    return (
        file.format,
        f"{file.library} {file.library_version}",
        f"{file.bytes / 1e6:.1f} MB",
        f"{file.agreement:.3f}",
        f"{file.largest_difference:.1e}",
    )
