"""The search: optuna draws settings, cached features make a trial cheap, poor ones are given up early.

All is kept in `runs/tune-<name>/`: the study (a journal that a later search goes on with), trials.json and
best.toml, which `edge-train train --config` takes.
"""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend

from edge.model.model_file import write_atomically
from training.cache import Cache, opened_cache
from training.config import TrainConfig
from training.dataset.prepare import divide, survey
from training.dataset.split import Split
from training.errors import RunError
from training.features.extract import extract
from training.network.frozen_backbone import convert_backbone
from training.progress import Reporter, Silent
from training.runs import earlier_parts
from training.tuning.latency import device_latency_ms
from training.tuning.objective import Fold, folds, losses
from training.tuning.space import Space, as_toml, defaults, drawn

JOURNAL, TRIALS, BEST = "study.log", "trials.json", "best.toml"


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """Both budgets end the search, whichever is first; a slower network than allowed is not tried."""

    trials: int = 40
    minutes: float | None = None
    max_latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best settings and what they are worth beside the settings that the search began with."""

    config: TrainConfig
    file: Path
    trials: int
    pruned: int
    loss: float
    accuracy: float
    first_loss: float
    first_accuracy: float


def tune(
    base: TrainConfig, space: Space, options: TuneOptions, folder: Path, runs_dir: Path, reporter: Reporter
) -> Tuned:
    """Search until a budget is used up or somebody presses Ctrl-C; a search in `folder` is gone on with.

    Raises RunError where that search was on other photographs, or no trial could be judged.
    """
    divided = divide(survey(base, reporter), base, earlier_parts(runs_dir, base))
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = _study(folder, base, space, divided)
    with opened_cache(reporter) as cache:
        trials = _Trials(base, space, options, divided, cache, folds(divided, base.seed))
        _search(study, trials, options, reporter)
    return _result(study, base, space, folder)


def _study(folder: Path, base: TrainConfig, space: Space, divided: Split) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # optuna calls some of its parts experimental
        backend = JournalFileBackend(str(folder / JOURNAL))
        study = optuna.create_study(
            study_name="tune",
            storage=optuna.storages.JournalStorage(backend),
            sampler=optuna.samplers.TPESampler(seed=base.seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0),
            load_if_exists=True,
        )
    about = {"photographs": divided.fingerprint(), "networks": list(space.names())}
    if study.user_attrs and study.user_attrs != about:
        why = "it searched on other photographs or networks"
        raise RunError(f"can't go on with the search in {folder}", why, "take another --name")
    for key, value in about.items():
        study.set_user_attr(key, value)
    if not study.trials:
        study.enqueue_trial(defaults(base, space))
    return study


@dataclass(frozen=True, slots=True)
class _Trials:
    """What every trial needs; called with a trial it gives the loss to minimise."""

    base: TrainConfig
    space: Space
    options: TuneOptions
    divided: Split
    cache: Cache
    folds: tuple[Fold, ...]

    def __call__(self, trial: optuna.Trial) -> float:
        config = drawn(trial, self.space, self.base)
        self._refuse_slow(trial, config)
        backbone = convert_backbone(config, self.cache, Silent())
        features = extract(backbone, self.divided, config, self.cache, Silent())
        found: list[tuple[float, float]] = []
        for number, outcome in enumerate(losses(features, self.divided, config, self.folds)):
            found.append(outcome)
            trial.report(float(np.mean([loss for loss, _ in found])), number)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("accuracy", float(np.mean([accuracy for _, accuracy in found])))
        return float(np.mean([loss for loss, _ in found]))

    def _refuse_slow(self, trial: optuna.Trial, config: TrainConfig) -> None:
        if self.options.max_latency_ms is None:
            return
        labels = len(self.divided.labels)
        latency = device_latency_ms(config.backbone, config.size, labels, self.cache)
        trial.set_user_attr("latency_ms", latency)
        if latency > self.options.max_latency_ms:
            raise optuna.TrialPruned


def _search(study: optuna.Study, trials: _Trials, options: TuneOptions, reporter: Reporter) -> None:
    ends_s = time.monotonic() + options.minutes * 60 if options.minutes else None
    with reporter.steps("trials", options.trials) as step:
        try:
            for _ in range(options.trials):
                study.optimize(trials, n_trials=1)
                step()
                if ends_s and time.monotonic() > ends_s:
                    reporter.note(f"{options.minutes:g} minutes are over")
                    break
        except KeyboardInterrupt:
            reporter.note("interrupted: the best so far counts, and the search can be gone on with")


def _result(study: optuna.Study, base: TrainConfig, space: Space, folder: Path) -> Tuned:
    state = optuna.trial.TrialState
    done = [trial for trial in study.trials if trial.state == state.COMPLETE]
    write_atomically(
        folder / TRIALS, (json.dumps([_record(t) for t in study.trials], indent=1) + "\n").encode()
    )
    if not done:
        why = "no trial came to its end"
        raise RunError(f"the search in {folder} found nothing", why, "allow more time or a higher latency")
    config = drawn(optuna.trial.FixedTrial(study.best_params), space, base)
    write_atomically(folder / BEST, as_toml(config).encode())
    first, best = done[0], study.best_trial
    return Tuned(
        config=config,
        file=folder / BEST,
        trials=len(done),
        pruned=sum(trial.state == state.PRUNED for trial in study.trials),
        loss=study.best_value,
        accuracy=best.user_attrs["accuracy"],
        first_loss=float(first.value or 0.0),
        first_accuracy=first.user_attrs["accuracy"],
    )


def _record(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    seconds = trial.duration.total_seconds() if trial.duration else None
    about = {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "loss": trial.value,
        "seconds": seconds,
    }
    return {**about, **trial.user_attrs, "settings": trial.params}
