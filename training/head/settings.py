"""How the head is fitted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.settings import Settings

Schedule = Literal["cosine", "constant"]
Balance = Literal["weights", "sampling", "none"]


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
