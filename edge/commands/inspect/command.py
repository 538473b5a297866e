"""`edge-agent inspect`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.commands import options
from edge.commands.process import set_up_logging
from edge.commands.settings import load

if TYPE_CHECKING:
    from edge.commands.inspect.inspect_model import Inspection, OperationCount, Tensor
    from edge.model.manifest import Manifest, Provenance

    Row = tuple[str, str]

TITLE_WIDTH, LINE_WIDTH, MAX_LINES = 13, 100, 3
# With more outputs and operations than these, the page would not fit on a screen; --json has them all.
MAX_OUTPUTS, MAX_KINDS = 3, 12
SILENT = "the file does not say"
MORE = " … (all: --json)"
FITS = {
    "crop": "the centre is cut out in the input's shape",
    "pad": "the whole picture, with grey borders",
    "stretch": "the whole picture, squeezed into the input's shape",
}


def inspect_command(
    path: Annotated[
        Path | None, typer.Argument(help="The model file (default: runs/latest/model.tflite).")
    ] = None,
    labels: options.Labels = None,
    config: options.Config = None,
    runtime: options.Runtime = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: options.Debug = False,
) -> None:
    """Show what is in a model file: labels, input, thresholds, accuracy, origin, operations."""
    set_up_logging(debug, quiet=True)
    from edge.commands.inspect.inspect_model import inspect_model

    settings = load(config, None, None, model=path, labels=labels, runtime=runtime)
    found = inspect_model(settings.model, settings.labels, settings.runtime)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False))
        return
    for title, text in [
        *_list_network_rows(found),
        *_list_origin_rows(found.manifest),
        *_list_operation_rows(found),
    ]:
        print(_format_row(title, text))


def _list_network_rows(found: Inspection) -> Iterator[Row]:
    packed = found.file_bytes - found.network_bytes
    yield "model", f"{found.name}, version {found.version} ({found.path})"
    parts = f"network {_format_size(found.network_bytes)}, packed {_format_size(packed)}"
    yield "size", f"{_format_size(found.file_bytes)}: {parts}"
    yield "content hash", f"sha256 {found.sha256}"
    yield "agent", f"can't run it: {found.problem}" if found.problem else f"can run it, on {found.runtime}"
    yield "labels", f"{len(found.labels)}: {', '.join(found.labels)}" if found.labels else SILENT
    yield "input", _describe_tensor(found.input)
    yield "preparation", _describe_preparation(found)
    for output in found.outputs[:MAX_OUTPUTS]:
        yield "output", _describe_tensor(output)
    if len(found.outputs) > MAX_OUTPUTS:
        yield "", f"and {len(found.outputs) - MAX_OUTPUTS} more outputs{MORE}"
    yield "unknown", _describe_rule(found)
    yield "self-test", _describe_selftest(found)


def _describe_selftest(found: Inspection) -> str:
    if found.selftest is None:
        return "none"
    return f"{found.selftest.pictures} pictures with scores, which may differ by {found.selftest.tolerance:g}"


def _describe_tensor(tensor: Tensor) -> str:
    shape = "×".join(map(str, tensor.shape))
    quantization = "not quantized"
    if tensor.scale > 0:
        quantization = f"value = {tensor.scale:.4g} × (stored − {tensor.zero_point})"
    return f"{tensor.holds or 'use not stated'} {tensor.name!r}: {shape} {tensor.dtype}, {quantization}"


def _describe_preparation(found: Inspection) -> str:
    spec = found.preprocess
    if spec is None:
        return SILENT
    text = f"{spec.fit} ({FITS[spec.fit]}), resized by {spec.interpolation}, RGB"
    return text if found.manifest else f"{SILENT}; the agent takes: {text}"


def _describe_rule(found: Inspection) -> str:
    limits = found.limits
    if limits is None:
        return SILENT
    own = ", ".join(f"{label} {limit:.2f}" for label, limit in limits.class_thresholds.items())
    has_rule = limits.familiarity is not None
    familiarity = f", or the familiarity below {limits.familiarity:.2f}" if has_rule else ""
    text = f"when the best score is below {limits.threshold:.2f}{f' ({own})' if own else ''}{familiarity}"
    return text if found.manifest else f"{SILENT}; the agent takes: {text}"


def _list_origin_rows(manifest: Manifest | None) -> Iterator[Row]:
    if manifest is None:
        yield from ((title, SILENT) for title in ("accuracy", "made", "data"))
        return
    exact, shipped, how = manifest.metrics.float_, manifest.metrics.int8, manifest.quantization
    if how:
        kept = f", {how.in_float} operations in float" if how.in_float else ""
        yield "precision", f"{how.precision}{kept}, by {how.quantizer}"
    yield (
        "accuracy",
        f"float {exact.accuracy:.3f} of {exact.count}, this file {shipped.accuracy:.3f} of {shipped.count} "
        f"held-out photographs; the two agree on {manifest.metrics.agreement:.1%}",
    )
    error = manifest.calibration_error
    measured = f"; calibration error {error.before:.3f} before, {error.after:.3f} after" if error else ""
    yield "calibration", f"temperature {manifest.temperature:.3g}{measured}"
    yield from _list_provenance_rows(manifest.provenance)


def _list_provenance_rows(origin: Provenance) -> Iterator[Row]:
    revision = f", source {origin.git_revision[:12]}" if origin.git_revision else ""
    counts = ", ".join(f"{part} {count}" for part, count in origin.dataset_counts.items())
    libraries = ", ".join(f"{name} {version}" for name, version in origin.libraries.items())
    yield "made", f"{origin.created} in run {origin.run}, seed {origin.seed}{revision}"
    yield "backbone", f"{origin.backbone}, weights: {origin.weights}"
    yield "data", f"photographs: {counts}"
    yield "data hash", f"sha256 {origin.dataset_sha256}"
    yield "libraries", libraries


def _list_operation_rows(found: Inspection) -> Iterator[Row]:
    total = sum(kind.count for kind in found.operations)
    taken = sum(kind.xnnpack for kind in found.operations)
    types = ", ".join(f"{count} {dtype}" for dtype, count in found.arithmetic.items())
    yield "operations", f"{total}, {taken} of them in XNNPACK (fast kernels); results: {types}"
    for kind in found.operations[:MAX_KINDS]:
        yield "", _format_count(kind)
    if len(found.operations) > MAX_KINDS:
        yield "", f"and {len(found.operations) - MAX_KINDS} more kinds{MORE}"


def _format_count(kind: OperationCount) -> str:
    where = {0: "", kind.count: "XNNPACK"}.get(kind.xnnpack, f"{kind.xnnpack} in XNNPACK")
    return f"{kind.kind:25}{kind.count:5}   {where}".rstrip()


def _format_row(title: str, text: str) -> str:
    width = LINE_WIDTH - TITLE_WIDTH
    lines = textwrap.wrap(text, width, max_lines=MAX_LINES, placeholder=MORE, break_on_hyphens=False)
    return f"{title:{TITLE_WIDTH}}" + f"\n{'':{TITLE_WIDTH}}".join(lines)


def _format_size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
