"""How the backbone is trained along with the head."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from training.dataset.augment import ViewSettings
from training.head.settings import HeadConfig
from training.network.frozen_backbone import BackboneChoice
from training.settings import Settings


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


# A network that begins with random weights needs more epochs at a higher rate than one that was pretrained.
FROM_SCRATCH = FineTuneConfig(epochs=60, learning_rate=2e-3)


@dataclass(frozen=True, slots=True)
class FineTuneSettings:
    """All that fine-tuning depends on beside the photographs; its own settings are in `tuning`."""

    backbone: BackboneChoice
    views: ViewSettings
    head: HeadConfig
    tuning: FineTuneConfig
