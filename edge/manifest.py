"""What a model file says of itself: the manifest inside `model.tflite`, versioned by `schema`.

Outsiders may rely on the keys `schema`, `name`, `version`, `labels`, `preprocess`, `threshold`,
`metrics.float.accuracy` and `metrics.int8.accuracy` (each with `count`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from edge.preprocess import Fit, Interpolation, PreprocessSpec

SCHEMA = 1
Label = Annotated[str, Field(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    """Frozen; unknown keys are ignored, so that an older agent reads what a newer trainer adds."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Preprocess(Record):
    """The serialized PreprocessSpec: sizes in pixels."""

    width: int = Field(ge=8, le=4096)
    height: int = Field(ge=8, le=4096)
    fit: Fit = "crop"
    interpolation: Interpolation = "pyramid"

    @classmethod
    def of(cls, spec: PreprocessSpec) -> Preprocess:
        """The record of a spec."""
        return cls(width=spec.width, height=spec.height, fit=spec.fit, interpolation=spec.interpolation)

    def spec(self) -> PreprocessSpec:
        """The spec of this record."""
        return PreprocessSpec(self.width, self.height, self.fit, self.interpolation)


class TensorQuantization(Record):
    """real value = scale × (stored value − zero_point)."""

    dtype: Literal["uint8", "int8", "float32"]
    scale: float
    zero_point: int


class Accuracy(Record):
    """Top-1 accuracy on `count` held-out pictures."""

    accuracy: Fraction
    count: int = Field(ge=0)


class Metrics(Record):
    """Held-out accuracy before and after quantization, and how often the two decide alike."""

    float_: Accuracy = Field(alias="float")
    int8: Accuracy
    agreement: Fraction


class Provenance(Record):
    """Where the model comes from: enough to make it again."""

    created: str
    backbone: str
    weights: str
    seed: int
    run: str
    dataset_sha256: str
    dataset_counts: dict[str, int]
    libraries: dict[str, str]
    git_revision: str | None = None


class Manifest(Record):
    """All that the agent needs to know beside the network itself."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    name: str = Field(min_length=1, max_length=200)
    version: str = Field(min_length=1, max_length=100)
    model_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    labels: tuple[Label, ...] = Field(min_length=2, max_length=10_000)
    preprocess: Preprocess
    input: TensorQuantization
    output: TensorQuantization
    threshold: Fraction
    unknown_rule: Literal["threshold"] = "threshold"
    metrics: Metrics
    provenance: Provenance

    @field_validator("labels")
    @classmethod
    def _labels_are_distinct_lines(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) != len(labels):
            raise ValueError("two labels are the same")
        if any(not label.isprintable() or label != label.strip() for label in labels):
            raise ValueError("a label has control characters or outer spaces")
        return labels


class SelftestVector(Record):
    """A picture stored in the model file and the scores that the packing machine got for it."""

    image: str = Field(pattern=r"^selftest/[0-9a-z_-]+\.png$")
    scores: tuple[Fraction, ...]


class Selftest(Record):
    """`selftest/index.json`: the vectors and the largest score difference that is allowed."""

    tolerance: float = Field(gt=0.0, le=0.5)
    vectors: tuple[SelftestVector, ...]
