"""The formats by name, and how much of what was trained each of them must keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from training.errors import MissingLibraryError, RunError, SettingsError
from training.export.exchange import Loaded, Source
from training.export.keras_files import load_keras, load_saved_model, write_keras, write_saved_model
from training.export.onnx_file import load_onnx, need_libraries, write_onnx
from training.export.tflite_files import load_shipped, load_tflite, write_shipped, write_tflite
from training.progress import Reporter
from training.runs import MODEL, Run

ALL = "all"
# Measured on 397 photographs: scores differ by at most 0.000005 in float32, 0.015 in float16, 0.14 in dynamic
# (LOG.md).
FLOAT_AGREEMENT, REDUCED_AGREEMENT = 0.99, 0.97
FLOAT_DIFFERENCE, FLOAT16_DIFFERENCE, ANY_DIFFERENCE = 1e-3, 0.1, 1.0


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The least share of equal decisions, and the largest difference of a score, for a file to be kept."""

    agreement: float
    difference: float


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its file or folder, who writes and who loads it, and its tolerance.

    The tolerance is None for int8, which must agree as often as `quantize` measured on the same photographs.
    """

    name: str
    file: str
    write: Callable[[Source, Path], None]
    load: Callable[[Path], Loaded]
    tolerance: Tolerance | None
    remark: str = ""


def _tflite(precision: str, tolerance: Tolerance) -> Format:
    write = partial(write_tflite, precision=precision)  # type: ignore[arg-type]
    return Format(f"tflite-{precision}", f"model_{precision}.tflite", write, load_tflite, tolerance)


EXACT = Tolerance(FLOAT_AGREEMENT, FLOAT_DIFFERENCE)
FORMATS = {
    entry.name: entry
    for entry in (
        Format("keras", "model.keras", write_keras, load_keras, EXACT),
        Format("h5", "model.h5", write_keras, load_keras, EXACT, " (Keras' older format; prefer keras)"),
        Format("saved-model", "saved_model", write_saved_model, load_saved_model, EXACT),
        _tflite("float32", EXACT),
        _tflite("float16", Tolerance(REDUCED_AGREEMENT, FLOAT16_DIFFERENCE)),
        _tflite("dynamic", Tolerance(REDUCED_AGREEMENT, ANY_DIFFERENCE)),
        Format("tflite-int8", "model_int8.tflite", write_shipped, load_shipped, None),
        Format("onnx", "model.onnx", write_onnx, load_onnx, EXACT),
    )
}


def choose_formats(names: Sequence[str], run: Run, reporter: Reporter) -> list[Format]:
    """The formats of those names, all where there are none or `all` is among them.

    What can't be made here is left out of all with a note, but asked for by name it is an error:
    SettingsError for an unknown name, MissingLibraryError, or RunError without a shipped int8 file.
    """
    for name in names:
        if name not in FORMATS and name != ALL:
            known = ", ".join((*FORMATS, ALL))
            raise SettingsError(f"there is no export format {name!r}", "", f"take one of {known}")
    everything = not names or ALL in names
    found = []
    for entry in FORMATS.values():
        if not everything and entry.name not in names:
            continue
        try:
            _check_possible(entry, run)
        except (MissingLibraryError, RunError) as error:
            if entry.name in names:
                raise
            reporter.note(f"leaving out {entry.name}: {error}")
            continue
        found.append(entry)
    return found


def _check_possible(entry: Format, run: Run) -> None:
    if entry.name == "onnx":
        need_libraries()
    if entry.name == "tflite-int8" and not run.path(MODEL).is_file():
        advice = f"make it with `edge-train quantize --run {run.name}`"
        raise RunError(f"can't export the int8 network of {run.name}", f"it has no {MODEL}", advice)
