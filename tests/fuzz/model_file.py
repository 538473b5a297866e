"""Tries damaged and malicious model files on the loader: each is refused in one sentence or changes nothing.

Run: python -m tests.fuzz.model_file [--cases 20000] [--seed 1] [--runtime litert] [--keep folder/]
Case `n` of a seed is always the same file. With `--networks`: bare networks, see networks.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz.damage import DAMAGES, Damage
from tests.fuzz.networks import NETWORKS
from tests.fuzz.original import Original
from tests.fuzz.packed import MALICE
from tests.fuzz.trial import REFUSED, SAME

ROOT = Path(__file__).parents[2]
FAMILIAR, COLOURS = (ROOT / "tests" / "golden" / f"{name}.tflite" for name in ("familiar", "colours"))
BATCH, CASE_TIMEOUT_S = 100, 60.0
KINDS = DAMAGES | MALICE


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended: `refused`, `same`, or something that must not be, and why."""

    seed: int
    number: int
    kind: str
    how: str
    why: str
    data: bytes

    def __str__(self) -> str:
        return f"seed {self.seed} case {self.number}, {self.kind}: {self.how}: {self.why}"

    @property
    def right(self) -> bool:
        """True where the file was refused, or loaded and decided as the whole one does."""
        return self.how in {REFUSED, SAME}


@dataclass(frozen=True, slots=True)
class Fuzz:
    """What is tried: kinds of damage to one model file, on one runtime. labels: for networks without any."""

    model: Path
    kinds: Mapping[str, Damage]
    seed: int
    runtime: str = "auto"
    labels: tuple[str, ...] = ()

    def run(self, cases: int) -> Iterator[Outcome]:
        """Each case in turn, in child processes that a crash may end."""
        for first in range(0, cases, BATCH):
            yield from self._batch(range(first, min(cases, first + BATCH)))

    def case(self, number: int) -> tuple[str, bytes]:
        """The kind of damage and the file of this number."""
        random = Random(f"{self.seed}:{number}")
        kind = [*self.kinds][number % len(self.kinds)]
        return kind, self.kinds[kind](random, Original.of(self.model))

    def _batch(self, numbers: Sequence[int]) -> Iterator[Outcome]:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "deep" / "er"
            work.mkdir(parents=True)
            cases = {work / f"{number}.tflite": self.case(number) for number in numbers}
            for path, (_, data) in cases.items():
                path.write_bytes(data)
            arguments = [str(self.model), self.runtime, str(CASE_TIMEOUT_S)]
            if self.labels:
                (work / "labels").write_text("\n".join(self.labels))
                arguments.append(str(work / "labels"))
            before = _listing(Path(folder))
            answers = answers_of(arguments, [*cases], work)
            written = _listing(Path(folder)) - before
            for number, (path, (kind, data)) in zip(numbers, cases.items(), strict=True):
                how, why = ("WRITTEN", f"one of these wrote {written}") if written else answers[path]
                yield Outcome(self.seed, number, kind, how, why, data)


def answers_of(arguments: Sequence[str], paths: Sequence[Path], work: Path) -> dict[Path, tuple[str, str]]:
    """What the child says of each file; a new child goes on behind the file that ended one."""
    answers: dict[Path, tuple[str, str]] = {}
    while len(answers) < len(paths):
        rest = paths[len(answers) :]
        child = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.trial", *arguments],
            input="".join(f"{path}\n" for path in rest),
            capture_output=True,
            text=True,
            check=False,
            cwd=work,
            env={"PYTHONPATH": str(ROOT), "HOME": str(work), "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=BATCH * CASE_TIMEOUT_S,
        )
        told = [json.loads(line) for line in child.stdout.splitlines()]
        answers |= {path: (told["outcome"], told["why"]) for path, told in zip(rest, told, strict=False)}
        if len(answers) < len(paths):
            how = "HUNG" if child.returncode == -signal.SIGALRM else "CRASHED"
            answers[paths[len(answers)]] = how, _ending(child.returncode, child.stderr)
    return answers


def _ending(returncode: int, stderr: str) -> str:
    name = signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
    return f"{name} {' '.join(stderr.split())[-200:]}".strip()


def _listing(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_size) for path in folder.rglob("*")}


def main() -> int:
    """Try as many as asked for and print what was tried and how it ended; 1 where one ended wrongly."""
    parser = argparse.ArgumentParser(description="damaged model files against the loader")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, help="model file (default: a golden one)")
    parser.add_argument("--runtime", default="auto", help="auto, litert or tflite-runtime")
    parser.add_argument("--networks", action="store_true", help="bare networks, which no hash protects")
    parser.add_argument("--keep", type=Path, help="folder for the files that ended wrongly")
    options = parser.parse_args()
    fuzz = Fuzz(FAMILIAR, KINDS, options.seed, options.runtime)
    if options.networks:
        fuzz = Fuzz(COLOURS, NETWORKS, options.seed, options.runtime, ("blue", "green", "red"))
    if options.model:
        fuzz = dataclasses.replace(fuzz, model=options.model.resolve())
    counts: Counter[tuple[str, str]] = Counter()
    wrong = 0
    for outcome in fuzz.run(options.cases):
        counts[outcome.kind, outcome.how] += 1
        if not outcome.right and not (options.networks and outcome.how == "CHANGED"):
            wrong += 1
            _show(outcome, options.keep)
    _print_table(counts)
    print(f"{options.cases} cases of seed {options.seed}, {wrong} ended wrongly")
    return int(wrong > 0)


def _show(outcome: Outcome, keep: Path | None) -> None:
    print(
        f"seed {outcome.seed} case {outcome.number}, {outcome.kind}: {outcome.how}: {outcome.why}", flush=True
    )
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{outcome.seed}-{outcome.number}.tflite").write_bytes(outcome.data)


def _print_table(counts: Counter[tuple[str, str]]) -> None:
    endings = sorted({how for _, how in counts})
    print(f"{'':48}" + "".join(f"{how:>9}" for how in endings))
    for kind in dict.fromkeys(kind for kind, _ in counts):
        print(f"{kind:48}" + "".join(f"{counts[kind, how]:9}" for how in endings))


if __name__ == "__main__":
    sys.exit(main())
