"""`edge-train import`: a foreign model becomes one of our files, if photographs do not speak against it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.model_file import read_model
from tests.support.cameras.videos import BGR, picture, write_picture
from training.errors import AcceptanceError, DataError
from training.packing.import_model import (
    Photograph,
    Said,
    chance,
    find_photographs,
    import_model,
    measure,
    open_foreign,
)
from training.progress import Silent

ROOT = Path(__file__).parents[3]
LABELS = ("blue", "green", "red")


@pytest.fixture
def folder(golden: Path) -> Path:
    return golden.parent


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Four pictures of each colour."""
    for label in LABELS:
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(4):
            write_picture(tmp_path / "photos" / label / f"{number}.png", label)
    return tmp_path / "photos"


@pytest.mark.parametrize("coding", ["float32", "int8", "uint8"])
def test_an_imported_model_says_what_the_foreign_one_said(folder: Path, tmp_path: Path, coding: str) -> None:
    foreign = open_foreign(folder / f"foreign_{coding}.tflite", Said())
    imported = import_model(foreign, "colours", None, tmp_path / "out" / "model.tflite", Silent())
    assert imported.manifest is not None
    assert (imported.name, imported.labels, imported.manifest.metrics.int8.count) == ("colours", LABELS, 0)
    assert imported.manifest.provenance.weights == f"imported from foreign_{coding}.tflite"
    assert imported.network == foreign.network
    one, other = Classifier(foreign), Classifier(imported)
    for label in BGR:
        assert np.array_equal(one.classify(picture(label)).values, other.classify(picture(label)).values)
    assert run_selftest(other) == 0


def test_photographs_are_measured_and_the_figure_travels(
    folder: Path, photographs: Path, tmp_path: Path
) -> None:
    foreign = open_foreign(folder / "foreign_int8.tflite", Said())
    measured = measure(foreign, find_photographs(photographs, LABELS), None, Silent())
    assert (measured.accuracy, measured.count) == (1.0, 12)
    imported = import_model(foreign, "colours", measured, tmp_path / "m.tflite", Silent())
    assert imported.manifest is not None
    assert imported.manifest.metrics.int8 == measured


def test_labels_in_another_order_do_not_pass(folder: Path, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("green\nred\nblue\n")
    foreign = open_foreign(folder / "foreign_int8.tflite", Said(tmp_path / "labels.txt"))
    with pytest.raises(
        AcceptanceError, match=r"right on 0 of 12 .* chance gives 0.333; its labels are in another"
    ):
        measure(foreign, find_photographs(photographs, LABELS), None, Silent())
    assert measure(foreign, find_photographs(photographs, LABELS), 0.0, Silent()).accuracy == 0


def test_chance_is_the_largest_folder(tmp_path: Path) -> None:
    def some(*labels: str) -> list[Photograph]:
        return [Photograph(tmp_path, label) for label in labels]

    assert chance(some("red", "red", "blue", "blue"), LABELS) == 0.5
    assert chance(some("red", "red", "red", "blue"), LABELS) == 0.75
    assert chance(some("red", "red"), LABELS) == pytest.approx(1 / 3)


def test_a_folder_that_is_no_label_is_named(photographs: Path) -> None:
    (photographs / "blau").mkdir()
    with pytest.raises(DataError, match=r"'blau' is none of the model's 3 labels; rename it \(blue\?\)"):
        find_photographs(photographs, LABELS)
    with pytest.raises(DataError, match="no folders of photographs"):
        find_photographs(photographs / "red", LABELS)


def test_one_of_our_own_files_is_not_imported(golden: Path) -> None:
    with pytest.raises(DataError, match="it is one of our files"):
        open_foreign(golden, Said())


def test_what_nobody_knows_is_asked_for_by_its_option(folder: Path, tmp_path: Path) -> None:
    foreign = open_foreign(folder / "foreign_logits.tflite", Said())
    with pytest.raises(ModelError, match="give --mean and --std"):
        import_model(foreign, "m", None, tmp_path / "m.tflite", Silent())
    assert not list(tmp_path.iterdir())


def test_what_no_manifest_can_say_is_refused(folder: Path, tmp_path: Path) -> None:
    foreign = open_foreign(folder / "foreign_int8.tflite", Said())
    with pytest.raises(ModelError, match=r"can.t make a model file of n+: name: "):
        import_model(foreign, "n" * 201, None, tmp_path / "m.tflite", Silent())
    assert not list(tmp_path.iterdir())


def test_the_command_ends_with_a_file_that_is_the_default(folder: Path, tmp_path: Path) -> None:
    source = folder / "foreign_uint8.tflite"
    command = [sys.executable, "-m", "training", "import", str(source), "--name", "my colours"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert read_model(tmp_path / "runs" / "latest" / "model.tflite").name == "my colours"
    assert (tmp_path / "runs" / "latest").resolve().name == "import-my-colours"


def test_on_a_terminal_it_asks(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    source = folder / "foreign_logits.tflite"
    command = [sys.executable, "-m", "training", "import", str(source), "--out", "m.tflite"]
    ours, its = pty.openpty()
    os.write(ours, b"labels.txt\n127.5\n127.5\n")
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, stdin=its, capture_output=True, text=True, check=False, timeout=600
    )
    os.close(ours)
    os.close(its)
    assert done.returncode == 0, done.stderr
    coding = read_model(tmp_path / "m.tflite").manifest
    assert coding is not None
    assert coding.coding is not None
    assert (coding.coding.mean, coding.coding.activation) == ((127.5,) * 3, "softmax")
