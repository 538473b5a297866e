"""`edge-train` as a person meets it: one sentence and an exit code for everything that goes wrong."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.models.photographs import write_photographs
from tests.training.conftest import Trained
from training.runs import LATEST, MODEL

ROOT = Path(__file__).parents[2]


def _edge_train(
    *arguments: str | Path, cwd: Path, largest_file: int | None = None
) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.run(
        [sys.executable, "-m", "training.cli", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        preexec_fn=limit,
    )


def test_help_needs_no_tensorflow_and_no_time(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not here')")
    started = time.monotonic()
    done = _edge_train("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("train", "quantize", "evaluate", "all", "demo"))
    assert time.monotonic() - started < 5


def test_without_tensorflow_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not here')")
    write_photographs(tmp_path / "photos", 3)
    done = _edge_train("train", "photos", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == "error: can't load TensorFlow: not here; pip install '.[training]' in this project's folder\n"
    )
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("train", "nowhere"), 2, "error: can't read the photographs in nowhere: there is no such folder"),
        (("train", "photos", "--backbone", "resnet"), 2, "error: there is no backbone 'resnet'"),
        (("train", "photos", "--size", "4"), 2, "error: can't use the settings: size:"),
        (("train", "photos", "--fit", "squeeze"), 2, "error: can't use the settings: fit:"),
        (("train",), 2, "name one folder of photographs"),
        (("quantize",), 2, "error: there is no trained run in runs"),
        (("quantize", "--run", "x"), 2, "error: there is no trained run x in runs"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    write_photographs(tmp_path / "photos", 3)
    done = _edge_train(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_harms_nothing(trained: Trained, photographs: Path) -> None:
    before = sorted(path.name for path in trained.runs_dir.iterdir())
    arguments = ("train", photographs, "--backbone", "efficientnet_lite0", "--size", "64", "--epochs", "2")
    # the largest file that may be written is smaller than the weights, as on a disk that fills up
    done = _edge_train(
        *arguments, "--runs-dir", trained.runs_dir, cwd=trained.runs_dir.parent, largest_file=2_000_000
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: can't write")
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in trained.runs_dir.iterdir()) == before
    assert (trained.runs_dir / LATEST / MODEL).is_file()


@pytest.mark.slow
def test_train_and_quantize_print_both_accuracies_and_the_file(photographs: Path, tmp_path: Path) -> None:
    (photographs / "disc" / "broken.jpg").write_bytes(b"no picture")
    try:
        size = ("--backbone", "efficientnet_lite0", "--size", "64")
        done = _edge_train(
            "all",
            photographs,
            *size,
            "--max-drop",
            "0.5",
            "--min-agreement",
            "0.5",
            "--name",
            "one",
            cwd=tmp_path,
        )
    finally:
        (photographs / "disc" / "broken.jpg").unlink()
    assert done.returncode == 0, done.stderr
    assert "broken.jpg: damaged, or not an image" in done.stdout.replace("\n", " ")
    for said in ("accuracy", "float", "int8", "agreement", "latency"):
        assert said in done.stdout
    assert "model: runs/one/model.tflite" in done.stdout
    assert (tmp_path / "runs" / "latest" / "model.tflite").is_file()
    assert done.stderr == ""
