"""What the runtime offers, side by side: precisions, threads, XNNPACK's settings, CompiledModel, batches.

MobileNetV2 224 with untrained weights, which do not matter for speed, in the four precisions that
`edge-train export` writes. Each choice gets the same picture as bytes, copies it in, runs, and copies the
scores out; all take turns in each round. The ratio is that of the default's time to the choice's, in a round.
"""

from __future__ import annotations

import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.comparison import Effort, Findings, Part, Table
from benchmarks.subjects.models import LABELS, model_file
from edge.model.interpreter import Network

SIZE = 224
PRECISIONS = ("int8", "float32", "float16", "dynamic")
PICTURES = 12  # a round
COLUMNS = ("choice", "a picture", "processor", "times as fast", "lowest to highest", "ready in")
Run = Callable[[], NDArray[Any]]


@dataclass(slots=True)
class Choice:
    """One way to run a network on `batch` pictures at a time, and what it took, a picture."""

    name: str
    make: Callable[[], Run]
    batch: int = 1
    run: Run | None = None
    made_ms: float = 0.0
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def run(work: Path, effort: Effort) -> Findings:
    """The first choice is what the agent does."""
    ready, remarks = [], []
    with tempfile.TemporaryDirectory() as folder:
        for choice in choices(networks(work), Path(folder)):
            refused = make(choice)
            remarks += [f"{choice.name}: not to be had here ({refused})."] if refused else []
            ready += [] if refused else [choice]
        for number in range(effort.rounds):
            turn = number % len(ready)
            for choice in ready[turn:] + ready[:turn]:
                measure(choice)
    rows = tuple(row(choice, ready[0]) for choice in ready)
    return Findings(tables=(Table(COLUMNS, rows),), remarks=tuple(remarks))


def networks(work: Path) -> dict[str, bytes]:
    """The network in each precision."""
    files = {precision: work / f"mobilenet_v2_{SIZE}_{precision}.tflite" for precision in PRECISIONS[1:]}
    if not all(file.is_file() for file in files.values()):
        _write(files)
    files["int8"] = model_file("mobilenet_v2_224", work)
    return {precision: file.read_bytes() for precision, file in files.items()}


def _write(files: dict[str, Path]) -> None:
    from training.libraries import keras
    from training.network import convert
    from training.network.backbones.registry import build_backbone

    backbone = build_backbone("mobilenet_v2", SIZE)
    network = keras().Model(
        backbone.input, keras().layers.Dense(LABELS, activation="softmax")(backbone.output)
    )
    files["float32"].write_bytes(convert.to_float_of_bytes(network))
    files["float16"].write_bytes(convert.to_float16(network))
    files["dynamic"].write_bytes(convert.to_dynamic(network))


def choices(precisions: dict[str, bytes], folder: Path) -> list[Choice]:
    """The default first."""
    from ai_edge_litert.interpreter import OpResolverType

    def interpreter(precision: str = "int8", **settings: Any) -> Callable[[], Run]:
        return functools.partial(_interpreter, precisions[precision], **settings)

    def compiled(precision: str = "int8", **settings: Any) -> Callable[[], Run]:
        return functools.partial(_compiled, precisions[precision], **settings)

    plain, cores = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, os.cpu_count() or 1
    cached = {"xnnpack_weight_cache_path": str(folder / "weights.cache")}
    return [
        Choice("int8 (the default)", interpreter()),
        Choice(f"int8, {cores} threads", interpreter(threads=cores)),
        Choice("float32", interpreter("float32")),
        Choice(f"float32, {cores} threads", interpreter("float32", threads=cores)),
        Choice("float16", interpreter("float16")),
        Choice("dynamic range", interpreter("dynamic")),
        Choice("latest XNNPACK features", interpreter(experimental_default_delegate_latest_features=True)),
        Choice("compressed zero points", interpreter(experimental_compress_quantization_zero_points=True)),
        Choice("without XNNPACK", interpreter(experimental_op_resolver_type=plain)),
        Choice("CompiledModel", compiled()),
        Choice(f"CompiledModel, {cores} threads", compiled(threads=cores)),
        Choice("CompiledModel, float32", compiled("float32")),
        Choice("CompiledModel, weight cache written", compiled(**cached)),
        Choice("CompiledModel, weight cache read", compiled(**cached)),
        Choice("CompiledModel, YNNPACK", compiled(enable_ynnpack=True)),
        Choice("batch of 2", interpreter(batch=2), 2),
        Choice("batch of 4", interpreter(batch=4), 4),
        Choice(f"batch of 4, {cores} threads", interpreter(batch=4, threads=cores), 4),
        Choice("float32, batch of 4", interpreter("float32", batch=4), 4),
    ]


def _interpreter(network: bytes, *, threads: int = 1, batch: int = 1, **settings: Any) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=network, num_threads=threads, **settings)
    pixels = _pixels(batch)
    entry, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    if batch > 1:
        interpreter.resize_tensor_input(entry, pixels.shape)
    interpreter.allocate_tensors()

    def run() -> NDArray[Any]:
        interpreter.tensor(entry)()[...] = pixels
        interpreter.invoke()
        scores: NDArray[Any] = interpreter.get_tensor(result)
        return scores

    return run


def _compiled(network: bytes, *, threads: int = 1, **settings: Any) -> Run:
    from ai_edge_litert.compiled_model import CompiledModel, CpuOptions, Options

    options = Options(cpu_options=CpuOptions(num_threads=threads, **settings))
    model = CompiledModel.from_buffer(network, options=options)
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    pixels = _pixels(1)
    kind = Network(network).output.dtype

    def run() -> NDArray[Any]:
        inputs[0].write(pixels)
        model.run_by_index(0, inputs, outputs)
        scores: NDArray[Any] = outputs[0].read(LABELS, kind)
        return scores

    return run


def _pixels(batch: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (batch, SIZE, SIZE, 3), np.uint8)


def make(choice: Choice) -> str:
    """Make it ready and run it once; why that failed, or nothing."""
    started_s = time.perf_counter()
    try:
        choice.run = choice.make()
        choice.run()
    except (RuntimeError, ValueError) as error:
        return str(error).strip().splitlines()[0]
    choice.made_ms = (time.perf_counter() - started_s) * 1e3
    return ""


def measure(choice: Choice) -> None:
    """One round."""
    assert choice.run is not None
    choice.run()
    calls = PICTURES // choice.batch
    started_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(calls):
        choice.run()
    choice.wall_ms.append((time.perf_counter() - started_s) * 1e3 / calls / choice.batch)
    choice.cpu_ms.append((time.process_time() - cpu_s) * 1e3 / calls / choice.batch)


def row(choice: Choice, default: Choice) -> tuple[str, ...]:
    """Medians, and the ratio to the default, as cells under COLUMNS."""
    gains = [a / b for a, b in zip(default.wall_ms, choice.wall_ms, strict=True)]
    return (
        choice.name,
        f"{statistics.median(choice.wall_ms):.2f} ms",
        f"{statistics.median(choice.cpu_ms):.2f} ms",
        f"{statistics.median(gains):.2f}",
        f"{min(gains):.2f} to {max(gains):.2f}",
        f"{choice.made_ms:.0f} ms",
    )


PART = Part("runtime_choices", "What the runtime offers", run, quick=False)
