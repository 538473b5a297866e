"""The whole network, trunk and head; and how a run keeps it: weights in an npz, the graph by its recipe."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from training.backbones import build_trunk
from training.config import TrainConfig
from training.errors import RunError
from training.head import Head
from training.libraries import keras
from training.runs import CONFIG, SPLIT, TRAINING, WEIGHTS, Run
from training.split import Split


class TrainingRecord(BaseModel):
    """training.json: what `train` did, and what it takes to build the network again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    created: str
    weights_source: str
    head_epochs: int
    val_accuracy: float
    fine_tuned: bool
    fine_tune_val_accuracies: tuple[float, ...]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A run with its records and the Keras model, float RGB 0–255 (n, size, size, 3) → scores."""

    run: Run
    config: TrainConfig
    split: Split
    record: TrainingRecord
    model: Any


def attach_head(trunk: Any, head: Head, dropout: float) -> Any:
    """Trunk → dropout → softmax layer, as one Keras model."""
    k = keras()
    features = k.layers.Dropout(dropout, name="dropout")(trunk.output)
    dense = k.layers.Dense(head.bias.size, activation="softmax", name="scores")
    model = k.Model(trunk.input, dense(features), name="classifier")
    dense.set_weights([head.kernel, head.bias])
    return model


def weights_bytes(model: Any) -> bytes:
    """A model's weights, in its own order, as an npz file's content."""
    body = io.BytesIO()
    np.savez(body, *model.get_weights())
    return body.getvalue()


def read_trained(run: Run) -> TrainedRun:
    """Build a run's network again; raises RunError where its files are missing or do not fit."""
    config, split = run.read_record(CONFIG, TrainConfig), run.read_record(SPLIT, Split)
    record = run.read_record(TRAINING, TrainingRecord)
    trunk = build_trunk(config.backbone, config.size)
    channels, labels = trunk.output_shape[-1], len(split.labels)
    empty = Head(np.zeros((channels, labels), np.float32), np.zeros(labels, np.float32))
    model = attach_head(trunk, empty, config.dropout)
    try:
        with np.load(io.BytesIO(run.read(WEIGHTS)), allow_pickle=False) as stored:
            model.set_weights([stored[f"arr_{index}"] for index in range(len(stored.files))])
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise RunError(f"can't use the run {run.name}", f"{WEIGHTS}: {error}", "train again") from error
    return TrainedRun(run, config, split, record, model)
