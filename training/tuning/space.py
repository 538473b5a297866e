"""What the search may change, and how a trial's draws become settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from training.config import TrainConfig

BACKBONES = ("mobilenet_v2", "efficientnet_lite0")
SIZES = (128, 160, 192, 224)
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "mild": {},
    "mirror": {"rotate_deg": 0.0, "zoom": 0.0, "shift": 0.0, "brightness": 0.0, "contrast": 0.0},
    "wide": {"rotate_deg": 10.0, "zoom": 0.15, "shift": 0.08, "brightness": 0.1, "contrast": 0.2},
}


class Draws(Protocol):
    """The part of an optuna trial that the space draws from."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number in between."""
        ...


@dataclass(frozen=True, slots=True)
class Space:
    """The networks to try, as (backbone, input size in pixels)."""

    networks: tuple[tuple[str, int], ...]

    def names(self) -> tuple[str, ...]:
        """The networks as the search names them: backbone@size."""
        return tuple(f"{backbone}@{size}" for backbone, size in self.networks)


def drawn(trial: Draws, space: Space, base: TrainConfig) -> TrainConfig:
    """The settings of one trial: those of `base`, changed as the trial draws."""
    backbone, size = str(trial.suggest_categorical("network", space.names())).split("@")
    augmentation = str(trial.suggest_categorical("augmentation", tuple(AUGMENTATIONS)))
    head = base.head.model_copy(
        update={
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1.0, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "label_smoothing": trial.suggest_categorical("label_smoothing", (0.0, 0.05, 0.1)),
            "mixup": trial.suggest_categorical("mixup", (0.0, 0.2, 0.5)),
            "balance": trial.suggest_categorical("balance", ("weights", "sampling", "none")),
        }
    )
    changes = {
        "backbone": backbone,
        "size": int(size),
        "augment": base.augment.model_copy(update=AUGMENTATIONS[augmentation]),
        "augmented_views": trial.suggest_categorical("augmented_views", (0, 1, 2)),
        "head": head,
    }
    return base.model_copy(update=changes)


def defaults(base: TrainConfig, space: Space) -> dict[str, Any]:
    """The draws that give the present settings: the first trial, so that the search can only gain."""
    wanted = f"{base.backbone}@{base.size}"
    return {
        "network": wanted if wanted in space.names() else space.names()[0],
        "augmentation": "mild",
        "augmented_views": min(base.augmented_views, 2),
        "learning_rate": base.head.learning_rate,
        "weight_decay": base.head.weight_decay,
        "dropout": base.head.dropout,
        "label_smoothing": 0.0,
        "mixup": 0.0,
        "balance": base.head.balance,
    }


def as_toml(config: TrainConfig) -> str:
    """The settings that the search decides, as a file for `edge-train train --config`."""
    head, augment = config.head, config.augment
    lines = [
        f'backbone = "{config.backbone}"',
        f"size = {config.size}",
        f"augmented_views = {config.augmented_views}",
        "",
        "[head]",
        *(f"{key} = {_value(getattr(head, key))}" for key in type(head).model_fields),
        "",
        "[augment]",
        *(f"{key} = {_value(getattr(augment, key))}" for key in type(augment).model_fields),
    ]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)
