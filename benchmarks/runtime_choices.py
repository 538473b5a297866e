"""What the runtime offers, side by side: precisions, threads, XNNPACK's settings, CompiledModel, batches.

Run: python -m benchmarks.runtime_choices [--models FOLDER] [--rounds 9]
MobileNetV2 224 with untrained weights, which do not matter for speed, in the four precisions that
`edge-train export` writes. Each choice gets the same picture as bytes, copies it in, runs, and copies the
scores out; all take turns in each round. The ratio is that of the default's time to the choice's, in a round.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.model.interpreter import Network

SIZE, LABELS = 224, 10
PRECISIONS = ("int8", "float32", "float16", "dynamic")
PICTURES = 12  # a round
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


def main() -> None:
    """Measure and print one table; the first choice is what the agent does."""
    parser = argparse.ArgumentParser(description="the runtime's choices against the agent's default")
    parser.add_argument("--models", type=Path, help="keep the networks here, or take them from here")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        networks = make_networks(options.models or Path(folder))
        ready = [choice for choice in choices(networks, Path(folder)) if is_made(choice)]
        for number in range(options.rounds):
            turn = number % len(ready)
            for choice in ready[turn:] + ready[:turn]:
                measure(choice)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options.rounds} rounds of {PICTURES} pictures")
    print_table(ready)


def make_networks(folder: Path) -> dict[str, bytes]:
    """The network in each precision, from the folder where it is there already."""
    files = {precision: folder / f"{precision}.tflite" for precision in PRECISIONS}
    if not all(file.is_file() for file in files.values()):
        from training import convert
        from training.backbones.registry import build_trunk
        from training.libraries import keras

        trunk = build_trunk("mobilenet_v2", SIZE)
        network = keras().Model(trunk.input, keras().layers.Dense(LABELS, activation="softmax")(trunk.output))
        pixels = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8)
        pixels[0], pixels[1] = 0, 255
        folder.mkdir(parents=True, exist_ok=True)
        files["int8"].write_bytes(convert.to_uint8(network, pixels))
        files["float32"].write_bytes(convert.to_float_of_bytes(network))
        files["float16"].write_bytes(convert.to_float16(network))
        files["dynamic"].write_bytes(convert.to_dynamic(network))
    return {precision: file.read_bytes() for precision, file in files.items()}


def choices(networks: dict[str, bytes], folder: Path) -> list[Choice]:
    """The default first."""
    from ai_edge_litert.interpreter import OpResolverType

    def interpreter(precision: str = "int8", **settings: Any) -> Callable[[], Run]:
        return functools.partial(_interpreter, networks[precision], **settings)

    def compiled(precision: str = "int8", **settings: Any) -> Callable[[], Run]:
        return functools.partial(_compiled, networks[precision], **settings)

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


def is_made(choice: Choice) -> bool:
    """Make it ready and run it once; false, with the reason on the screen, where that fails."""
    started_s = time.perf_counter()
    try:
        choice.run = choice.make()
        choice.run()
    except (RuntimeError, ValueError) as error:
        print(f"{choice.name}: not to be had here ({str(error).strip().splitlines()[0]})")
        return False
    choice.made_ms = (time.perf_counter() - started_s) * 1e3
    return True


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


def print_table(measured: list[Choice]) -> None:
    """Medians, with the least and the most of the ratio to the first."""
    default = measured[0]
    print(f"{'':36}{'a picture':>10}{'processor':>12}   {'times as fast':22}{'ready in':>9}")
    for each in measured:
        gains = [a / b for a, b in zip(default.wall_ms, each.wall_ms, strict=True)]
        spread = f"{statistics.median(gains):.2f} ({min(gains):.2f} to {max(gains):.2f})"
        wall_ms, cpu_ms = statistics.median(each.wall_ms), statistics.median(each.cpu_ms)
        print(f"{each.name:36}{wall_ms:7.2f} ms{cpu_ms:9.2f} ms   {spread:22}{each.made_ms:6.0f} ms")


if __name__ == "__main__":
    main()
