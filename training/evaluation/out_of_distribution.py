"""How well the model says unknown: to pictures of none of the classes, and to a class that was left out.

Both are out-of-distribution pictures, `ood` for short.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.unknown_rule import is_familiar
from training.evaluation.intervals import wilson
from training.evaluation.record import OodResult, RuleResult, rule_result, share
from training.evaluation.thresholds import choose_thresholds
from training.evaluation.unknown import PartScores, Separation, UnknownRule, separations
from training.features.extract import Features
from training.features.familiarity import choose_limit, familiarity, familiarity_to_others
from training.head.settings import HeadConfig
from training.head.softmax_head import Head, HeadData, fit_head
from training.head.temperature import scaled_scores
from training.progress import Reporter, Silent

Float = NDArray[np.float32]
Int = NDArray[np.int64]

# Each class left out costs one more fit of the head, so the time must not grow with the classes.
MAX_LEFT_OUT = 10
# Of a hundred: AUROC came out 0.008 lower, in a third of the time.
MAX_EPOCHS = 30
RULES = ("top_score", "familiarity", "both")


@dataclass(frozen=True, slots=True)
class _Measured:
    """One set of ood pictures: the separations by rule, and counts of what the model's own rule let pass."""

    by_rule: dict[str, Separation]
    known: int
    kept: int
    ood: int
    accepted: int


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """The stored features with the label numbers of the parts."""

    features: Features
    train: Int
    val: Int
    test: Int


@dataclass(frozen=True, slots=True)
class Aim:
    """By what the shipped rule was chosen; the allowance is for a camera's compression."""

    temperature: float
    target_precision: float
    allowance: float = 0.0


def answer_features(head: Head, temperature: float, features: Float) -> PartScores:
    """What a head says of features (n, channels)."""
    scores = scaled_scores(head.logits(features), temperature)
    return PartScores(scores, familiarity(features, head.centres))


def measure_ood(val: PartScores, test: PartScores, ood: PartScores, rule: UnknownRule) -> OodResult:
    """How well one set of ood pictures is told from the test part."""
    return _summary([_measure(val, test, ood, rule)])


def measure_left_out(
    data: LabelledFeatures, config: HeadConfig, seed: int, aim: Aim, reporter: Reporter
) -> OodResult | None:
    """How well a head recognises the class that it was fitted without, mean over ten classes at most.

    None with fewer than three classes.
    """
    labels = int(data.train.max()) + 1
    if labels < 3:
        return None
    chosen = np.unique(np.linspace(0, labels - 1, min(labels, MAX_LEFT_OUT)).round().astype(int))
    measured = []
    with reporter.steps("leaving out each class in turn", len(chosen)) as step:
        for label in chosen:
            measured.append(_leave_out(int(label), data, config, seed, aim))
            step()
    found = [entry for entry in measured if entry is not None]
    return _summary(found) if found else None


def _leave_out(
    label: int, data: LabelledFeatures, config: HeadConfig, seed: int, aim: Aim
) -> _Measured | None:
    rest, ood = remove_class(data, label)
    if not (len(rest.val) and len(rest.test)):
        return None
    count, found = int(data.train.max()), rest.features
    head = _fit(rest, count, config, seed)
    parts = (found.val, found.test, ood)
    val, test, unseen = (answer_features(head, aim.temperature, part) for part in parts)
    values = familiarity_to_others(found.train, found.views, rest.train, count)
    limit = choose_limit(np.concatenate((values, val.familiarity)), aim.allowance)
    familiar = is_familiar(val.familiarity, limit)
    rule = UnknownRule(choose_thresholds(val.scores, rest.val, aim.target_precision, familiar), limit)
    return _measure(val, test, unseen, rule)


def remove_class(data: LabelledFeatures, label: int) -> tuple[LabelledFeatures, Float]:
    """The data without a class, later labels moved down by one, and that class's features of all parts."""
    features = data.features
    train, val, test = (targets != label for targets in (data.train, data.val, data.test))
    views = np.tile(train, len(features.views) // len(train))
    kept = Features(features.train[train], features.val[val], features.test[test], features.views[views])
    ood = np.concatenate((features.train[~train], features.val[~val], features.test[~test]))
    moved = (
        targets[mask] - (targets[mask] > label)
        for targets, mask in ((data.train, train), (data.val, val), (data.test, test))
    )
    return LabelledFeatures(kept, *moved), ood


def _fit(data: LabelledFeatures, label_count: int, config: HeadConfig, seed: int) -> Head:
    features = data.features
    copies = 1 + len(features.views) // len(features.train)
    head_data = HeadData(
        train=np.concatenate((features.train, features.views)),
        train_labels=np.tile(data.train, copies),
        val=features.val,
        val_labels=data.val,
        label_count=label_count,
    )
    quick = config.model_copy(update={"epochs": min(MAX_EPOCHS, config.epochs)})
    return fit_head(head_data, quick, seed, Silent()).head


def _measure(val: PartScores, test: PartScores, ood: PartScores, rule: UnknownRule) -> _Measured:
    kept, accepted = rule.answered(test), rule.answered(ood)
    by_rule = separations(val, test, ood)
    return _Measured(by_rule, len(kept), int(kept.sum()), len(accepted), int(accepted.sum()))


def _summary(measured: list[_Measured]) -> OodResult:
    """The mean of the separations, and the counts added up."""
    known, kept = sum(m.known for m in measured), sum(m.kept for m in measured)
    ood, accepted = sum(m.ood for m in measured), sum(m.accepted for m in measured)
    results = {name: _mean([m.by_rule[name] for m in measured]) for name in RULES}
    return OodResult(
        count=ood,
        **results,
        kept=share(kept, known),
        kept_interval=wilson(kept, known),
        accepted=share(accepted, ood),
        accepted_interval=wilson(accepted, ood),
    )


def _mean(found: list[Separation]) -> RuleResult:
    first = found[0]
    resamples = np.mean([separation.resamples for separation in found], axis=0)
    mean = replace(
        first,
        auroc=float(np.mean([separation.auroc for separation in found])),
        resamples=resamples,
        accepted=float(np.mean([separation.accepted for separation in found])),
    )
    return rule_result(mean)
