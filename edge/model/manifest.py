"""What a model file says of itself: the manifest inside `model.tflite`, versioned by `schema`.

Outsiders may rely on the keys `schema`, `name`, `version`, `labels`, `preprocess`, `threshold`,
`metrics.float.accuracy` and `metrics.int8.accuracy` (each with `count`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from edge.input_settings import Mean, Std
from edge.model.coding import Activation
from edge.preprocess import Fit, Interpolation, PreprocessSpec

SCHEMA = 1
Label = Annotated[str, Field(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]  # true is no number
Cosine = Annotated[float, Field(ge=-1.0, le=1.0, strict=True)]
UnknownRule = Literal["threshold", "threshold+familiarity"]


class ManifestPart(BaseModel):
    """Frozen; unknown keys are ignored, so that an older agent reads what a newer trainer adds."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Preprocess(ManifestPart):
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


class TensorQuantization(ManifestPart):
    """real value = scale × (stored value − zero_point)."""

    dtype: Literal["uint8", "int8", "float32"]
    scale: float
    zero_point: int


class Coding(ManifestPart):
    """What a network made elsewhere wants and gives; without it: bytes as they are, and probabilities.

    mean, std: (R, G, B), so that input = (byte − mean) / std before it is quantized. activation: what the
    outputs lack to be scores. background: the output that stands for none of the labels.
    """

    mean: Mean | None = None
    std: Std | None = None
    activation: Activation = "none"
    background: int | None = Field(default=None, ge=0)


class Accuracy(ManifestPart):
    """Top-1 accuracy on `count` held-out pictures."""

    accuracy: Fraction
    count: int = Field(ge=0)


class Metrics(ManifestPart):
    """Held-out accuracy before and after quantization, and how often the two decide alike.

    int8: of the network in this file, also where its precision is another.
    """

    float_: Accuracy = Field(alias="float")
    int8: Accuracy
    agreement: Fraction


class Familiarity(ManifestPart):
    """How like the training photographs a picture must be, by the network's second output.

    output: the tensor's name; it gives the cosine between a picture's features and the nearest class's mean.
    Below `threshold` the answer is unknown. `typical` is the median over validation photographs, the scale
    on which the agent's hysteresis is measured.
    """

    output: str = Field(min_length=1, max_length=200)
    threshold: Cosine
    typical: Cosine


class Quantization(ManifestPart):
    """How the network was made smaller. in_float: the number of operations that were left in float."""

    precision: Literal["int8", "mixed", "dynamic", "float16"]
    quantizer: str
    in_float: int = Field(default=0, ge=0)


class CalibrationError(ManifestPart):
    """Expected calibration error on held-out photographs before and after temperature scaling."""

    before: Fraction
    after: Fraction


class Provenance(ManifestPart):
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


class Manifest(ManifestPart):
    """All that the agent needs to know beside the network itself.

    class_thresholds: only the labels whose threshold is not the common one. temperature: for the record,
    the last layer's weights are divided by it already.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    name: str = Field(min_length=1, max_length=200)
    version: str = Field(min_length=1, max_length=100)
    model_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    labels: tuple[Label, ...] = Field(min_length=2, max_length=10_000)
    preprocess: Preprocess
    input: TensorQuantization
    output: TensorQuantization
    quantization: Quantization | None = None
    coding: Coding | None = None
    threshold: Fraction
    class_thresholds: dict[Label, Fraction] = {}
    familiarity: Familiarity | None = None
    unknown_rule: UnknownRule = "threshold"
    temperature: float = Field(default=1.0, gt=0.0)
    calibration_error: CalibrationError | None = None
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

    @model_validator(mode="after")
    def _the_parts_agree(self) -> Manifest:
        strangers = sorted(self.class_thresholds.keys() - set(self.labels))
        if strangers:
            raise ValueError(f"class_thresholds names {strangers[0]!r}, which is no label")
        if (self.familiarity is not None) != (self.unknown_rule == "threshold+familiarity"):
            raise ValueError(f"unknown_rule is {self.unknown_rule!r}, which familiarity contradicts")
        return self


class SelftestVector(ManifestPart):
    """A picture stored in the model file and what the packing machine got for it."""

    image: str = Field(pattern=r"^selftest/[0-9a-z_-]+\.png$")
    scores: tuple[Fraction, ...]
    familiarity: Cosine | None = None


class Selftest(ManifestPart):
    """`selftest/index.json`: the vectors and the largest differences that are allowed."""

    tolerance: float = Field(gt=0.0, le=0.5)
    familiarity_tolerance: float = Field(default=0.05, gt=0.0, le=0.5)
    vectors: tuple[SelftestVector, ...]
