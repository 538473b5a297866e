"""Is one run better than another? This is decided on the same test photographs, picture by picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from training.report.wording import percent

# The usual level of significance.
MAX_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class RunAnswers:
    """One run's test part: by each photograph's sha256 its label and whether the network was right."""

    name: str
    labels: tuple[str, ...]
    right: Mapping[str, tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Paired:
    """Two runs on the `shared` photographs; chance: the p-value of McNemar's exact test.

    only_now, only_before: the photographs that one of the two gets right and the other wrong.
    """

    other: str
    shared: int
    right_now: int
    right_before: int
    only_now: int
    only_before: int
    chance: float

    @property
    def sure(self) -> bool:
        """Whether the difference is more than noise, at 5 %."""
        return self.chance < MAX_CHANCE

    @property
    def text(self) -> str:
        """The outcome in words."""
        now, before = percent(self.right_now / self.shared), percent(self.right_before / self.shared)
        apart = f"{self.only_now} right only now, {self.only_before} only then, {_p(self.chance)}"
        figures = (
            f"the float network gets {now} against {before} of the {self.shared} test photographs that both "
            f"have ({apart})"
        )
        if self.only_now == self.only_before:
            return f"As good as {self.other}: {figures}."
        if not self.sure:
            return f"No sure difference from {self.other}: {figures}; the difference may be chance."
        word = "Better" if self.only_now > self.only_before else "Worse"
        return f"{word} than {self.other}: {figures}; that is more than noise."


def compare_runs(now: RunAnswers, before: RunAnswers) -> Paired | str:
    """The paired comparison, or why there can be none."""
    if set(now.labels) != set(before.labels):
        return f"Can't be compared with {before.name}: it has other classes."
    shared = [
        content for content, (label, _) in now.right.items() if before.right.get(content, ("",))[0] == label
    ]
    if not shared:
        return f"Can't be compared with {before.name}: the two have no test photograph in common."
    ours = [now.right[content][1] for content in shared]
    theirs = [before.right[content][1] for content in shared]
    only_now = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    only_before = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    chance = mcnemar(only_now, only_before)
    return Paired(before.name, len(shared), sum(ours), sum(theirs), only_now, only_before, chance)


def mcnemar(only_now: int, only_before: int) -> float:
    """The two-sided p-value of McNemar's exact test (1947): are the two counts those of a fair coin?"""
    from scipy.stats import binomtest

    if only_now + only_before == 0:
        return 1.0
    return float(binomtest(only_now, only_now + only_before, 0.5).pvalue)


def _p(chance: float) -> str:
    return "p < 0.001" if chance < 0.001 else f"p = {chance:.3f}"
