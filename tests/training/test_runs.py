"""Run folders: whole or not there, never overwritten, and `latest` only where there is a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import RunError
from training.runs import MODEL, TRAINING, Run, find_run, new_run, point_latest


def _make(runs_dir: Path, name: str, created: str = "2026-01-01") -> Run:
    with new_run(runs_dir, name) as run:
        run.write(TRAINING, f'{{"created": "{created}"}}'.encode())
    return Run(runs_dir / name, name)


def test_a_run_appears_when_it_is_complete(tmp_path: Path) -> None:
    with new_run(tmp_path, "a") as run:
        run.write("x.json", b"{}")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "x.json").read_bytes() == b"{}"


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_run(tmp_path, "a") as run:
        run.write("no such folder/x.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_runs_are_never_overwritten(tmp_path: Path) -> None:
    _make(tmp_path, "a")
    with pytest.raises(RunError, match="never overwritten"), new_run(tmp_path, "a"):
        pass


@pytest.mark.parametrize("name", ["latest", "../up", "", ".hidden", "a/b"])
def test_names_that_would_confuse_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="can't name a run"), new_run(tmp_path, name):
        pass


def test_the_run_trained_last_is_found(tmp_path: Path) -> None:
    _make(tmp_path, "b", "2026-01-02T00:00:00+00:00")
    _make(tmp_path, "c", "2026-01-01T00:00:00+00:00")
    assert find_run(tmp_path, None).name == "b"
    assert find_run(tmp_path, "c").name == "c"


def test_no_such_run_is_said_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="edge-train train"):
        find_run(tmp_path / "none", None)
    _make(tmp_path, "a")
    with pytest.raises(RunError, match="there are: a"):
        find_run(tmp_path, "b")


def test_latest_moves_only_to_a_run_with_a_model(tmp_path: Path) -> None:
    first, second = _make(tmp_path, "a"), _make(tmp_path, "b")
    first.write(MODEL, b"model")
    point_latest(first)
    with pytest.raises(RunError, match=r"no model\.tflite"):
        point_latest(second)
    assert (tmp_path / "latest").resolve().name == "a"
    second.write(MODEL, b"model")
    point_latest(second)
    assert (tmp_path / "latest" / MODEL).read_bytes() == b"model"
    assert (tmp_path / "latest").resolve().name == "b"


def test_latest_is_a_name_for_the_run_it_points_to(tmp_path: Path) -> None:
    run = _make(tmp_path, "a")
    run.write(MODEL, b"model")
    point_latest(run)
    assert find_run(tmp_path, "latest").name == "a"
