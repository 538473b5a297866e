"""Training on cached features against the usual recipe: seconds end to end, and accuracy on the test part.

Run: python -m benchmarks.measurements.training_speed [--data FOLDER] [--size 160] [--epochs 10] [--runs 5]
Every training is a fresh process, imports included. `cold` has an empty cache; `backbone` has it converted
but no features (new photographs); `warm` both. What counts is the ratio inside one round; each round
has a seed of its own, the same for both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.dataset.split import Split
from training.fit.trained_network import read_head
from training.head.softmax_head import Head
from training.runs import FEATURES, SPLIT, Run

DATA = Path(__file__).parents[3] / "shared" / "datasets" / "grocery10"
FASTER, BETTER = 10.0, 0.03
CACHES = ("cold", "backbone", "warm")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One training: wall seconds and accuracy on the test part."""

    seconds: float
    accuracy: float


def main() -> None:
    """Train both ways in turn, and print one table."""
    parser = argparse.ArgumentParser(description="cached features against the usual recipe")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with train/ and test/")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--epochs", type=int, default=10, help="of the usual recipe")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"skipped: {options.data.name} is not there (see --data)")
        return
    rounds = []
    for number in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(_round(options, Path(folder), number + 1))
        print(
            f"round {number + 1}: " + ", ".join(f"{name} {o.seconds:.1f} s" for name, o in rounds[-1].items())
        )
    _print_table(options, rounds)


def _round(options: argparse.Namespace, work: Path, seed: int) -> dict[str, Outcome]:
    usual = [sys.executable, "-m", "benchmarks.bare.usual_recipe", str(options.data), str(options.size)]
    started = time.perf_counter()
    usual += [str(options.epochs), str(seed)]
    answer = subprocess.run(usual, check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - started
    outcomes = {"usual recipe": Outcome(seconds, json.loads(answer.splitlines()[-1])["accuracy"])}
    for cache in CACHES:
        if cache == "backbone":
            _forget_features(options, work)
        outcomes[cache] = _ours(options, work, cache, seed)
    return outcomes


def _ours(options: argparse.Namespace, work: Path, name: str, seed: int) -> Outcome:
    command = [sys.executable, "-m", "training", "train", str(options.data), "--size", str(options.size)]
    command += ["--runs-dir", str(work / "runs"), "--name", name, "--seed", str(seed)]
    environment = {**os.environ, "EDGE_TRAIN_CACHE": str(work / "cache")}
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    seconds = time.perf_counter() - started
    return Outcome(seconds, _accuracy(Run(work / "runs" / name, name)))


def _forget_features(options: argparse.Namespace, work: Path) -> None:
    """Leave only what a training on other photographs would have left: the backbone."""
    shutil.rmtree(work / "cache")
    few = work / "few"
    for folder in sorted((options.data / "train").iterdir()):
        (few / folder.name).mkdir(parents=True)
        for photograph in sorted(folder.iterdir())[:6]:
            shutil.copy(photograph, few / folder.name)
    command = [sys.executable, "-m", "training", "train", str(few), "--size", str(options.size)]
    command += ["--runs-dir", str(work / "runs"), "--name", "few"]
    environment = {**os.environ, "EDGE_TRAIN_CACHE": str(work / "cache")}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def _accuracy(run: Run) -> float:
    head: Head = read_head(run)
    with np.load(run.path(FEATURES)) as features:
        scores = head.scores(features["test"])
    targets = np.asarray(run.read_record(SPLIT, Split).targets("test"))
    return float((scores.argmax(axis=1) == targets).mean())


def _print_table(options: argparse.Namespace, rounds: list[dict[str, Outcome]]) -> None:
    print(f"{options.data.name}, MobileNetV2 {options.size}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"{'':14}{'seconds':>9}{'accuracy':>10}{'times faster (spread)':>26}{'points better':>15}")
    for name in rounds[0]:
        seconds = statistics.median(r[name].seconds for r in rounds)
        accuracy = statistics.median(r[name].accuracy for r in rounds)
        ratios = sorted(r["usual recipe"].seconds / r[name].seconds for r in rounds)
        gain = statistics.median(r[name].accuracy - r["usual recipe"].accuracy for r in rounds)
        spread = f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        print(f"{name:14}{seconds:9.1f}{accuracy:10.3f}{spread:>26}{100 * gain:15.1f}")
        if name == "backbone":
            met = statistics.median(ratios) >= FASTER and gain >= BETTER
            print(f"goal ({FASTER:g} times, {100 * BETTER:g} points): {'met' if met else 'NOT met'}")


if __name__ == "__main__":
    main()
