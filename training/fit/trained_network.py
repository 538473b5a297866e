"""The network, backbone and head, and how a run keeps it: weights in an npz, the graph by its recipe."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from training.config import TrainConfig
from training.dataset.split import Split
from training.errors import RunError
from training.head.softmax_head import Curves, Head
from training.libraries import keras
from training.network.stored_weights import rebuild_backbone
from training.runs import CONFIG, HEAD, SPLIT, TRAINING, WEIGHTS, Run


class TrainingRecord(BaseModel):
    """training.json: what `train` did. Curves hold one value an epoch; seconds are by piece of work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Literal[2] = Field(default=2, alias="schema")
    created: str
    weights_source: str
    head_epoch: int
    head_curves: Curves
    val_accuracy: float
    fine_tuned: bool
    fine_tune_curves: Curves
    interrupted: bool
    seconds: dict[str, float]


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


def attach_head(backbone: Any, head: Head, dropout: float) -> Any:
    """Backbone → dropout → softmax layer, as one Keras model."""
    k = keras()
    features = k.layers.Dropout(dropout, name="dropout")(backbone.output)
    dense = k.layers.Dense(head.bias.size, activation="softmax", name="scores")
    model = k.Model(backbone.input, dense(features), name="classifier")
    dense.set_weights([head.kernel, head.bias])
    return model


def shipped_network(backbone: Any, head: Head, least_length: float) -> Any:
    """Backbone → scores and familiarity, the two outputs of the network that a device gets.

    Familiarity, (n, 1), is the cosine of the features with the nearest class centre; features shorter than
    least_length are taken for that long, so that int8 has a range to choose. The normalisation is made of
    plain operations: as TFLite's own L2_NORMALIZATION it rounds each feature to 1/128 and was four times less
    exact.
    """
    k = keras()
    dense = k.layers.Dense(head.bias.size, activation="softmax", name="scores")
    cosines = k.layers.Dense(head.bias.size, use_bias=False, name="cosines")
    squared = k.ops.sum(k.ops.square(backbone.output), axis=-1, keepdims=True)
    unit = backbone.output * k.ops.rsqrt(k.ops.maximum(squared, least_length**2))
    nearest = k.ops.max(cosines(unit), axis=-1, keepdims=True)
    model = k.Model(backbone.input, [dense(backbone.output), nearest], name="shipped")
    dense.set_weights([head.kernel, head.bias])
    cosines.set_weights([head.centres.T])
    return model


def head_bytes(head: Head) -> bytes:
    """A head as an npz file's content."""
    body = io.BytesIO()
    np.savez(body, kernel=head.kernel, bias=head.bias, centres=head.centres)
    return body.getvalue()


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


def read_head(run: Run) -> Head:
    """The head that a run ended with; raises RunError."""
    try:
        with np.load(io.BytesIO(run.read(HEAD)), allow_pickle=False) as stored:
            return Head(stored["kernel"], stored["bias"], stored["centres"])
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise RunError(f"can't use the run {run.name}", f"{HEAD}: {error}", "train again") from error
