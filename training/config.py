"""The settings of one training, validated; saved in the run as config.json."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.model.model_file import describe_first_error
from edge.preprocess import Fit, Interpolation, PreprocessSpec
from training.errors import SettingsError

Share = Annotated[float, Field(ge=0.0, le=0.5)]
Weights = Literal["imagenet", "none"]
Schedule = Literal["cosine", "constant"]
Balance = Literal["weights", "sampling", "none"]


class Settings(BaseModel):
    """Frozen; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Augment(Settings):
    """How far a training photograph may be changed; each change is drawn evenly from ± its limit.

    flip mirrors every second picture. rotate is in degrees; zoom, shift, brightness and contrast are
    shares of the picture's size or of full brightness. Small on purpose: wider ones cost accuracy on still
    photographs, none at all cost more on a camera that moves (LOG.md).
    """

    flip: bool = True
    rotate_deg: float = Field(default=2.0, ge=0.0, le=180.0)
    zoom: Share = 0.03
    shift: Share = 0.02
    brightness: Share = 0.03
    contrast: Share = 0.08


class HeadConfig(Settings):
    """How the head is fitted on the features; the same tools serve fine-tuning where they apply.

    epochs is a ceiling: the fit stops `patience` epochs after validation loss was lowest. balance makes
    uneven classes weigh alike: by a weight in the loss, or by drawing rare ones more often. mixup is the
    alpha of MixUp's Beta distribution, 0 for none.
    """

    epochs: int = Field(default=100, ge=1, le=10_000)
    patience: int = Field(default=15, ge=1)
    batch: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0.0, le=1.0)
    schedule: Schedule = "cosine"
    weight_decay: float = Field(default=1e-2, ge=0.0, le=10.0)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    mixup: float = Field(default=0.0, ge=0.0, le=10.0)
    balance: Balance = "weights"


class FineTuneConfig(Settings):
    """Training the last blocks of the backbone as well; epochs 0 is off.

    devices: how many share each batch, GPUs where there are as many, else parts of the CPU (to try it out).
    mixed_precision computes in float16 where there is a GPU, and changes nothing on a CPU.
    """

    epochs: int = Field(default=0, ge=0, le=1000)
    blocks: int = Field(default=3, ge=1, le=50)
    batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0.0, le=1.0)
    devices: int = Field(default=1, ge=1, le=64)
    mixed_precision: bool = True


class TrainConfig(Settings):
    """Everything that decides how a run comes out, beside the photographs themselves.

    other: a folder of things of none of the classes, to measure how they are refused. group_by: a regular
    expression whose match in a file's path names the group that must stay in one part.
    """

    data: Path
    other: Path | None = None
    group_by: str | None = None
    backbone: str = "mobilenet_v2"
    weights: Weights = "imagenet"
    size: int = Field(default=224, ge=32, le=1024)
    fit: Fit = "crop"
    interpolation: Interpolation = "pyramid"
    seed: int = Field(default=1, ge=0, lt=2**32)
    val_share: float = Field(default=0.15, gt=0.0, lt=0.5)
    test_share: float = Field(default=0.15, gt=0.0, lt=0.5)
    augment: Augment = Augment()
    augmented_views: int = Field(default=1, ge=0, le=20)
    head: HeadConfig = HeadConfig()
    fine_tune: FineTuneConfig = FineTuneConfig()

    @property
    def spec(self) -> PreprocessSpec:
        """How every photograph becomes the network's input."""
        return PreprocessSpec(self.size, self.size, self.fit, self.interpolation)

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> TrainConfig:
        if self.val_share + self.test_share > 0.8:
            raise ValueError("val_share and test_share leave too little to train on")
        return self


def make_config(values: Mapping[str, Any]) -> TrainConfig:
    """Validate settings; raises SettingsError that names the key and the reason."""
    try:
        return TrainConfig.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError("can't use the settings", describe_first_error(error), "see --help") from error


def gathered(file: Path | None, assignments: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from a TOML file, then `key.key=value` assignments, then options that are not None.

    Raises SettingsError where the file or an assignment can't be read.
    """
    values: dict[str, Any] = _read_toml(file) if file else {}
    for key, value in [*map(_parsed, assignments), *options.items()]:
        if value is not None:
            _put(values, key.split("."), value)
    return values


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"can't read the settings in {file}", str(error), "see docs/train.md") from error


def _parsed(assignment: str) -> tuple[str, Any]:
    key, equals, text = assignment.partition("=")
    if not (key and equals):
        raise SettingsError(f"can't use --set {assignment}", "", "write --set head.dropout=0.5")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()  # a word: quotes are a shell's trouble


def _put(values: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"can't set {'.'.join(keys)}", f"{key} is no group of settings", "see --help")
        values = inner
    values[keys[-1]] = value
