"""`edge-agent inspect`: what is in a model file, ours or somebody else's, and how this machine runs it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.model.foreign.probe import try_out
from edge.model.interpreter import Network, Operation, RuntimeName, TensorInfo
from edge.model.manifest import Manifest
from edge.model.model_file import ModelFile, read_model
from edge.preprocess import PreprocessSpec
from edge.records import Limits


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: real = scale × (stored − zero_point); scale 0 where it is not quantized.

    holds: `picture`, `scores` or `familiarity`, None where the file does not say.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    holds: str | None


@dataclass(frozen=True, slots=True)
class OperationCount:
    """How often the network has a kind of operation, and how many of those XNNPACK runs here."""

    kind: str
    count: int
    xnnpack: int


@dataclass(frozen=True, slots=True)
class SelftestSummary:
    """How many pictures the file carries with their scores, and by how much a score may differ."""

    pictures: int
    tolerance: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is in a model file. Sizes in bytes; `sha256` is the network's, what is packed is not part of it.

    problem: why the agent can't run it, None if it can; preprocess and limits are what the agent goes by,
    None if it can't run it, assumed where there is no manifest. arithmetic: operations by their result's
    type.
    """

    path: str
    name: str
    version: str
    sha256: str
    file_bytes: int
    network_bytes: int
    runtime: str
    problem: str | None
    labels: tuple[str, ...]
    input: Tensor
    outputs: tuple[Tensor, ...]
    preprocess: PreprocessSpec | None
    limits: Limits | None
    operations: tuple[OperationCount, ...]
    arithmetic: dict[str, int]
    selftest: SelftestSummary | None
    manifest: Manifest | None

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values; the labels stand once."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        manifest = fields.pop("manifest")
        plain = {name: _to_plain(value) for name, value in fields.items()}
        described = manifest.model_dump(mode="json", by_alias=True, exclude={"labels"}) if manifest else None
        return plain | {"manifest": described}


def inspect_model(path: Path, labels: Path | None = None, runtime: RuntimeName = "auto") -> Inspection:
    """Read and verify a model file and load its network; raises ModelError where that fails."""
    model = read_model(path, labels)
    if model.manifest is None:
        try_out(path, model.network, runtime)
    network = Network(model.network, runtime=runtime)
    classifier, problem = _open_classifier(model, runtime)
    operations = network.operations()
    return Inspection(
        path=str(path),
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        file_bytes=path.stat().st_size,
        network_bytes=len(model.network),
        runtime=network.runtime,
        problem=problem,
        labels=model.labels,
        input=_make_tensor(network.input, "picture" if classifier else None),
        outputs=tuple(_make_tensor(output, _find_use(output, model)) for output in network.outputs),
        preprocess=classifier.spec if classifier else None,
        limits=classifier.limits if classifier else None,
        operations=_count_operations(operations),
        arithmetic=dict(Counter(operation.dtype for operation in operations).most_common()),
        selftest=_summarise_selftest(model),
        manifest=model.manifest,
    )


def _open_classifier(model: ModelFile, runtime: RuntimeName) -> tuple[Classifier | None, str | None]:
    try:
        return Classifier(model, runtime=runtime), None
    except ModelError as error:
        return None, str(error)


def _make_tensor(info: TensorInfo, holds: str | None) -> Tensor:
    return Tensor(info.name, info.shape, info.dtype.name, info.scale, info.zero_point, holds)


def _find_use(output: TensorInfo, model: ModelFile) -> str | None:
    familiarity = model.manifest.familiarity if model.manifest else None
    if familiarity and output.name == familiarity.output:
        return "familiarity"
    return "scores" if model.labels and prod(output.shape) == len(model.labels) else None


def _count_operations(operations: tuple[Operation, ...]) -> tuple[OperationCount, ...]:
    """By kind, the most frequent first."""
    taken = Counter(operation.kind for operation in operations if operation.in_xnnpack)
    counts = Counter(operation.kind for operation in operations)
    return tuple(OperationCount(kind, count, taken[kind]) for kind, count in counts.most_common())


def _summarise_selftest(model: ModelFile) -> SelftestSummary | None:
    if model.selftest is None:
        return None
    return SelftestSummary(len(model.selftest.vectors), model.selftest.tolerance)


def _to_plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple):
        return [_to_plain(part) for part in value]
    return value
