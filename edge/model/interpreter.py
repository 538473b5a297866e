"""The TFLite runtime: made here, filled and read here, and imported nowhere else.

LiteRT is the default; tflite-runtime, its predecessor, is taken where LiteRT is not installed or where
it is asked for by name.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.model.flatbuffer import DamagedError
from edge.model.structure import check_structure

RuntimeName = Literal["auto", "litert", "tflite-runtime"]
RUNTIMES = {
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite-runtime": ("tflite_runtime.interpreter", "tflite-runtime"),
}

DELEGATE = "DELEGATE"  # the step that stands for a piece of the graph given to XNNPACK

_stderr_lock = threading.Lock()  # two at a time would leave stderr closed


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Name, shape, type and quantization of a tensor: real = scale × (stored − zero_point), if scale > 0."""

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a network: its kind in TFLite's terms, the type of its (first) result, who runs it.

    in_xnnpack: it is part of a piece that XNNPACK's kernels for this processor have taken over.
    """

    kind: str
    dtype: str
    in_xnnpack: bool


class Network:
    """A network ready to run: one input tensor, one output tensor or more; `output` is the first."""

    def __init__(self, content: bytes, *, threads: int = 1, runtime: RuntimeName = "auto") -> None:
        """Build the interpreter; raises ModelError if the runtime is missing or refuses the network."""
        made = _make_interpreter(content, threads, runtime)
        self.runtime, self._interpreter, inputs, outputs = made
        if len(inputs) != 1 or not outputs:
            counts = f"it has {len(inputs)} inputs and {len(outputs)} outputs"
            raise ModelError("can't use the network", counts, "an image classifier has one input")
        self.input, self.outputs = _make_tensor_info(inputs[0]), tuple(map(_make_tensor_info, outputs))
        self.output = self.outputs[0]
        with _blame_network(self.runtime):
            self.input_view()

    def input_view(self) -> NDArray[Any]:
        """The input tensor's own memory, of the input's shape. Let go of it before `invoke`."""
        view: NDArray[Any] = self._interpreter.tensor(self.input.index)()
        return view

    def invoke(self) -> None:
        """Run the network on what the input tensor holds; raises ModelError where it breaks off."""
        with _blame_network(self.runtime):
            self._interpreter.invoke()

    def output_values(self, output: TensorInfo | None = None) -> NDArray[np.float32]:
        """A copy of an output, the first if none is named, as real numbers: float32 of its shape."""
        output = output or self.output
        with _blame_network(self.runtime):
            raw = self._interpreter.get_tensor(output.index)
        values: NDArray[np.float32] = raw.astype(np.float32)
        if output.scale > 0:
            values = (values - output.zero_point) * np.float32(output.scale)
        elif output.dtype.kind in "iu":  # no quantization is written down: all of the type's range is 0 to 1
            limits = np.iinfo(output.dtype)
            values = (values - limits.min) / np.float32(limits.max - limits.min + 1)
        return values

    def operations(self) -> tuple[Operation, ...]:
        """The steps of the (main) graph in the order of the file; raises ModelError."""
        with _blame_network(self.runtime):
            steps = self._interpreter._get_ops_details()
            details = self._interpreter.get_tensor_details()
        types = {detail["index"]: np.dtype(detail["dtype"]).name for detail in details}
        own = [step for step in steps if step["op_name"] != DELEGATE]
        taken = _find_taken_over(own, [step for step in steps if step["op_name"] == DELEGATE])
        return tuple(
            Operation(step["op_name"], _get_result_type(step, types), step["index"] in taken) for step in own
        )


def _get_result_type(step: dict[str, Any], types: dict[int, str]) -> str:
    return types.get(int(step["outputs"][0]), "other") if len(step["outputs"]) else "none"


def _find_taken_over(steps: list[dict[str, Any]], delegates: list[dict[str, Any]]) -> set[int]:
    """Which steps lie between a delegate's inputs and its outputs: the runtimes keep both in their list."""
    makers = {int(tensor): step for step in steps for tensor in step["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        known = set(map(int, delegate["inputs"]))
        open_tensors = list(map(int, delegate["outputs"]))
        while open_tensors:
            tensor = open_tensors.pop()
            if tensor in known or tensor not in makers:
                continue
            known.add(tensor)
            taken.add(makers[tensor]["index"])
            open_tensors += map(int, makers[tensor]["inputs"])
    return taken


def _make_tensor_info(detail: dict[str, Any]) -> TensorInfo:
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    kind = np.dtype(detail["dtype"])
    return TensorInfo(str(detail["name"]), detail["index"], shape, kind, float(scale), int(zero_point))


def _make_interpreter(
    content: bytes, threads: int, runtime: RuntimeName
) -> tuple[str, Any, list[Any], list[Any]]:
    """The runtime's name, its interpreter, and the details of the inputs and of the outputs."""
    name, interpreter_class = _load_runtime(runtime)
    if name.startswith("tflite-runtime"):  # it would follow a damaged file's pointers anywhere
        _check_pointers(content, name)
    with _blame_network(name), _silence_stderr():
        interpreter = interpreter_class(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    return name, interpreter, inputs, outputs


def _check_pointers(content: bytes, runtime: str) -> None:
    try:
        check_structure(content)
    except DamagedError as error:
        advice = "check the file, or the other --runtime"
        raise ModelError(f"{runtime} refuses the network", str(error), advice) from error


@contextlib.contextmanager
def _blame_network(runtime: str) -> Iterator[None]:
    """What the runtime raises over a network becomes a ModelError."""
    try:
        yield
    except (ValueError, RuntimeError, SystemError, ImportError, AttributeError, MemoryError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        advice = "check the file, or the other --runtime"
        raise ModelError(f"{runtime} refuses the network", reason, advice) from error


def _load_runtime(runtime: RuntimeName) -> tuple[str, Any]:
    names = list(RUNTIMES) if runtime == "auto" else [runtime]
    failure: ImportError | None = None
    for name in names:
        module, package = RUNTIMES[name]
        try:
            loaded = importlib.import_module(module)
        except ImportError as error:
            failure = error
            continue
        return f"{name} {importlib.metadata.version(package)}", loaded.Interpreter
    raise ModelError(
        f"can't load {' or '.join(names)}",
        str(failure),
        "install ai-edge-litert, or the extra tflite-runtime",
    ) from failure


@contextlib.contextmanager
def _silence_stderr() -> Iterator[None]:
    """Keep the runtime's C++ greeting ("Created XNNPACK delegate") out of the agent's log."""
    with _stderr_lock:
        sys.stderr.flush()
        saved = os.dup(2)
        with open(os.devnull, "wb") as sink:  # noqa: PTH123
            os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
