"""The settings of one training, validated; saved in the run as config.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.model_file import first_finding
from edge.preprocess import Fit, Interpolation, PreprocessSpec
from training.errors import SettingsError

Share = Annotated[float, Field(ge=0.0, le=0.5)]
Weights = Literal["imagenet", "none"]


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


class TrainConfig(Settings):
    """Everything that decides how a run comes out, beside the photographs themselves."""

    data: Path
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
    epochs: int = Field(default=100, ge=1, le=10_000)
    batch: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0.0, le=1.0)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    fine_tune_epochs: int = Field(default=0, ge=0, le=1000)
    fine_tune_blocks: int = Field(default=3, ge=1, le=50)
    fine_tune_batch: int = Field(default=32, ge=1)
    fine_tune_learning_rate: float = Field(default=1e-4, gt=0.0, le=1.0)

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
        raise SettingsError("can't use the settings", first_finding(error), "see --help") from error
