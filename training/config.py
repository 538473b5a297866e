"""The settings of one training, validated; saved in the run as config.json."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from edge.model.model_file import describe_first_error
from edge.preprocess import Fit, Interpolation, PreprocessSpec
from training.dataset.augment import Augment, ViewSettings
from training.dataset.split import SplitRule
from training.errors import SettingsError
from training.fit.settings import FROM_SCRATCH, FineTuneConfig, FineTuneSettings
from training.head.settings import HeadConfig
from training.network.backbones.registry import find_backbone
from training.network.frozen_backbone import BackboneChoice, Weights
from training.settings import Settings


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

    @property
    def backbone_choice(self) -> BackboneChoice:
        """Which network's features are computed."""
        return BackboneChoice(self.backbone, self.size, self.weights, self.seed)

    @property
    def view_settings(self) -> ViewSettings:
        """How every photograph is prepared, and changed for training."""
        return ViewSettings(self.spec, self.seed, self.augment, self.augmented_views)

    @property
    def split_rule(self) -> SplitRule:
        """What decides which photographs lie in which part."""
        return SplitRule(self.seed, self.val_share, self.test_share, self.group_by)

    @property
    def fine_tune_settings(self) -> FineTuneSettings:
        """All that fine-tuning depends on."""
        return FineTuneSettings(self.backbone_choice, self.view_settings, self.head, self.fine_tune)

    def with_scratch_settings(self) -> TrainConfig:
        """These settings, with fine-tuning of everything where the backbone has nothing to offer without."""
        if find_backbone(self.backbone).pretrained or self.fine_tune.epochs:
            return self
        return self.model_copy(update={"fine_tune": FROM_SCRATCH})

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
