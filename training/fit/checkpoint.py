"""Where a fine-tuning stands, stored in the run after every epoch."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import RunError
from training.head.softmax_head import Curves
from training.runs import CHECKPOINT, Run


@dataclass(slots=True)
class Checkpoint:
    """Accuracies are validation's; best: the model's weights of best_epoch (0: before the first)."""

    start_accuracy: float
    best_accuracy: float
    best: list[NDArray[np.float32]]
    best_epoch: int = 0
    epoch: int = 0
    curves: Curves = field(default_factory=Curves)


def write_checkpoint(run: Run, state: Checkpoint, variables: Sequence[Any]) -> None:
    """Store the state and the variables of model and optimizer, whole or not at all; raises OSError."""
    numbers = {
        "start_accuracy": state.start_accuracy,
        "best_accuracy": state.best_accuracy,
        "best_epoch": state.best_epoch,
        "epoch": state.epoch,
        "curves": dataclasses.asdict(state.curves),
    }
    body = io.BytesIO()
    arrays: dict[str, Any] = {f"best_{index}": array for index, array in enumerate(state.best)}
    arrays |= {f"variable_{index}": np.asarray(variable) for index, variable in enumerate(variables)}
    np.savez(body, numbers=np.array(json.dumps(numbers)), **arrays)
    run.write(CHECKPOINT, body.getvalue())


def read_checkpoint(run: Run, variables: Sequence[Any]) -> Checkpoint | None:
    """The stored state, its variables put into the given ones; None where there is none. Raises RunError."""
    if not run.path(CHECKPOINT).is_file():
        return None
    try:
        with np.load(io.BytesIO(run.read(CHECKPOINT)), allow_pickle=False) as stored:
            numbers = json.loads(str(stored["numbers"]))
            for index, variable in enumerate(variables):
                variable.assign(stored[f"variable_{index}"])
            count = sum(name.startswith("best_") for name in stored.files)
            best = [stored[f"best_{index}"] for index in range(count)]
    except (ValueError, KeyError, OSError, EOFError) as error:
        advice = "train again, without --resume"
        raise RunError(f"can't go on with the run {run.name}", f"{CHECKPOINT}: {error}", advice) from error
    curves = Curves(**numbers.pop("curves"))
    return Checkpoint(best=best, curves=curves, **numbers)
