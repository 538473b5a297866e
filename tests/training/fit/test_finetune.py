"""Fine-tuning: kept only if it helps, stopped without loss, and gone on with as if nothing had been."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.models.photographs import write_photographs
from training.config import TrainConfig
from training.dataset.load import load
from training.errors import RunError
from training.fit.settings import FineTuneConfig
from training.fit.trained_network import TrainingRecord
from training.progress import Silent, Step
from training.runs import CHECKPOINT, HEAD, TRAINING, WEIGHTS, Run
from training.train import resume, train
from training.trained_run import read_trained

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures each of three classes."""
    return write_photographs(tmp_path_factory.mktemp("data") / "few", 12)


class _Failing(Silent):
    """Raises after some epochs of fine-tuning, as a power cut or Ctrl-C would."""

    def __init__(self, epochs: int, error: type[BaseException]) -> None:
        self.left, self.error = epochs, error

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Step]:
        def step() -> None:
            if what == "fine-tuning":
                self.left -= 1
                if self.left == 0:
                    raise self.error

        yield step


def _config(data: Path, **changes: object) -> TrainConfig:
    tuning = FineTuneConfig(epochs=3, blocks=1, batch=16, learning_rate=1e-3)
    values = {"head": {"epochs": 2, "dropout": 0.3, "mixup": 0.2}, "augmented_views": 0, **changes}
    return TrainConfig(data=data, backbone="efficientnet_lite0", size=64, fine_tune=tuning, **values)


@pytest.mark.proof
def test_an_interrupted_fine_tuning_goes_on_bit_for_bit(few: Path, tmp_path: Path) -> None:
    config = _config(few)
    whole = train(config, tmp_path, "whole", Silent())
    with pytest.raises(RuntimeError):
        train(config, tmp_path, "cut", _Failing(1, RuntimeError))
    assert (tmp_path / ".cut.partial" / CHECKPOINT).is_file()
    with pytest.raises(RunError, match="--resume"):
        train(config, tmp_path, "cut", Silent())
    cut = resume(tmp_path, None, Silent())
    assert cut.name == "cut"
    assert not cut.path(CHECKPOINT).exists()
    first, second = (run.read_record(TRAINING, TrainingRecord) for run in (whole, cut))
    assert first.fine_tune_curves == second.fine_tune_curves
    assert len(first.fine_tune_curves.val_loss) == 3
    assert whole.read(HEAD) == cut.read(HEAD)
    assert whole.read(WEIGHTS) == cut.read(WEIGHTS)


@pytest.mark.proof
def test_ctrl_c_keeps_the_best_so_far(few: Path, tmp_path: Path) -> None:
    run = train(_config(few), tmp_path, "short", _Failing(1, KeyboardInterrupt))
    record = run.read_record(TRAINING, TrainingRecord)
    assert record.interrupted
    assert len(record.fine_tune_curves.val_loss) == 1
    assert read_trained(run).record.fine_tuned == record.fine_tuned


@pytest.mark.parametrize("rate", [1e-4, 1.0])
def test_it_is_kept_only_if_validation_improves(few: Path, tmp_path: Path, rate: float) -> None:
    config = _config(few)
    config = config.model_copy(
        update={"fine_tune": FineTuneConfig(epochs=1, blocks=1, batch=16, learning_rate=rate)}
    )
    tuned = train(config, tmp_path, "tuned", Silent())
    plain = train(config.model_copy(update={"fine_tune": FineTuneConfig()}), tmp_path, "plain", Silent())
    record = tuned.read_record(TRAINING, TrainingRecord)
    changed = tuned.read(HEAD) != plain.read(HEAD)
    assert changed == record.fine_tuned
    assert rate < 1 or not record.fine_tuned, "a rate of 1 must have wrecked it"


def test_nothing_to_go_on_with_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no unfinished run"):
        resume(tmp_path, None, Silent())


def test_a_damaged_checkpoint_is_said(few: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        train(_config(few), tmp_path, "cut", _Failing(1, RuntimeError))
    (tmp_path / ".cut.partial" / CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"checkpoint\.npz"):
        resume(tmp_path, "cut", Silent())


@pytest.mark.proof
def test_training_is_repeatable_bit_for_bit(few: Path, tmp_path: Path) -> None:
    config = _config(few, augmented_views=1)
    first, second = (train(config, tmp_path, name, Silent()) for name in ("first", "second"))
    assert first.read(HEAD) == second.read(HEAD)
    assert first.read(WEIGHTS) == second.read(WEIGHTS)
    np.testing.assert_array_equal(*(read_trained(run).model.get_weights()[-1] for run in (first, second)))


def test_a_network_without_weights_of_its_own_is_trained_as_a_whole(few: Path, tmp_path: Path) -> None:
    tuning = {"epochs": 12, "batch": 8, "learning_rate": 3e-3}
    config = TrainConfig(data=few, backbone="small_cnn", size=64, augmented_views=0, fine_tune=tuning)  # type: ignore[arg-type]
    run = train(config, tmp_path, "scratch", Silent())
    record = run.read_record(TRAINING, TrainingRecord)
    assert record.fine_tuned
    trained = read_trained(run)
    images = np.stack([load(item.path, config.spec) for item in trained.split.val]).astype(np.float32)
    scores = np.asarray(trained.model(images, training=False))
    assert (scores.argmax(axis=1) == trained.split.targets("val")).mean() == pytest.approx(
        record.val_accuracy
    )


def test_scratch_settings_are_for_those_who_need_them() -> None:
    assert TrainConfig(data=Path(), backbone="small_cnn").with_scratch_settings().fine_tune.epochs > 0
    assert TrainConfig(data=Path()).with_scratch_settings().fine_tune.epochs == 0


@pytest.mark.proof
def test_two_devices_share_each_batch(few: Path, tmp_path: Path) -> None:
    # a process of its own: the CPU is divided before TensorFlow starts
    command = [
        sys.executable,
        "-m",
        "training",
        "train",
        str(few),
        "--runs-dir",
        str(tmp_path),
        "--name",
        "two",
    ]
    command += [
        "--name",
        "two",
        "--backbone",
        "efficientnet_lite0",
        "--size",
        "64",
        "--views",
        "0",
        "--fine-tune",
        "1",
    ]
    command += ["--set", "fine_tune.devices=2", "--set", "fine_tune.blocks=1", "--set", "head.epochs=2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = Run(tmp_path / "two", "two").read_record(TRAINING, TrainingRecord)
    assert len(record.fine_tune_curves.val_loss) == 1
    assert done.stderr == ""
