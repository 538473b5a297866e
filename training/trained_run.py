"""A run that is trained to its end, with its network built again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.config import TrainConfig
from training.dataset.split import Split
from training.errors import RunError
from training.fit.trained_network import TrainingRecord, attach_head, read_head
from training.head.softmax_head import Head
from training.network.stored_weights import rebuild_backbone
from training.runs import CONFIG, SPLIT, TRAINING, WEIGHTS, Run


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A run with its records, its parts, and the Keras model, float RGB 0–255 (n, size, size, 3) → scores.

    The model's scores are as trained; what ships has them calibrated, see `shipped_network`.
    """

    run: Run
    config: TrainConfig
    split: Split
    record: TrainingRecord
    backbone: Any
    head: Head
    model: Any


def read_trained(run: Run) -> TrainedRun:
    """Build a run's network again; raises RunError where its files are missing or do not fit."""
    config, split = run.read_record(CONFIG, TrainConfig), run.read_record(SPLIT, Split)
    record = run.read_record(TRAINING, TrainingRecord)
    head = read_head(run)
    try:
        backbone = rebuild_backbone(config.backbone, config.size, run.read(WEIGHTS))
        model = attach_head(backbone, head, config.head.dropout)
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise RunError(f"can't use the run {run.name}", f"{WEIGHTS}: {error}", "train again") from error
    return TrainedRun(run, config, split, record, backbone, head, model)
