"""Is an agent worse with another model? And what it tells of itself for that."""

from __future__ import annotations

import dataclasses
import logging
import threading
from pathlib import Path

import pytest

from edge.commands.models.canary import Canary, Figures, compare_figures
from edge.commands.models.systemd_unit import Unit
from edge.errors import UpdateError, UsageError
from edge.model.model_file import read_model
from edge.monitoring.stats_file import StatsFile, read_stats, runtime_folder
from edge.publish.topics import Topics
from edge.records import ModelIdentity
from tests.support.agents.command_line import EdgeAgent
from tests.support.tools import wait_until

BEFORE = Figures("old", inference_ms=10.0, fps_classified=20.0, frames_in=9000, judged=9000)
NOW = dataclasses.replace(BEFORE, model_hash="new", frames_in=100, judged=100)
TOPICS = Topics("edge", "pi", ModelIdentity("tea", "2", "abc"))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"inference_ms": 200.0},  # more exact, perhaps, and still fast enough
        {"fps_classified": 1.0},  # a quiet scene, or the camera's own rate
        {"inference_ms": 19.0, "fps_classified": 9.0},
        {"inference_ms": None, "fps_classified": 0.0, "frames_in": 0, "judged": 0},  # its camera is away
    ],
)
def test_what_may_have_other_causes_is_not_worse(changed: dict[str, float]) -> None:
    assert compare_figures(BEFORE, dataclasses.replace(NOW, **changed)) is None


def test_slower_and_fewer_is_worse() -> None:
    now = dataclasses.replace(NOW, inference_ms=21.0, fps_classified=9.0)
    assert compare_figures(BEFORE, now) == (
        "inference takes 21 ms (p95), before 10, and 9 frames a second are classified, before 20"
    )
    assert compare_figures(None, now) is None


def test_frames_without_an_answer_are_worse_whatever_was_before() -> None:
    now = dataclasses.replace(NOW, judged=0)
    assert compare_figures(None, now) == "of 100 frames none was classified"


def test_too_short_a_watch_is_refused_before_systemd_is_asked() -> None:
    with pytest.raises(UsageError, match=r"can't watch for 20 s: .* after 30 s .*; give --watch 35 or more"):
        Canary(Unit("edge-agent"), 20, 30, threading.Event())


def test_a_machine_without_systemd_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UpdateError, match=r"can't ask systemd about edge-agent: systemctl: No such file"):
        Canary(Unit("edge-agent"), 60, 30, threading.Event())


def test_an_agent_keeps_its_figures_in_the_folder_that_systemd_gave(tmp_path: Path, golden: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text("stats_interval = 0.5\n")
    folder = tmp_path / "run"
    folder.mkdir()
    arguments = ("--camera", "test://?fps=20", "--model", golden, "--stdout", "--config", config)
    with EdgeAgent(tmp_path, *arguments, env={"RUNTIME_DIRECTORY": str(folder)}) as agent:
        record = wait_until(lambda: read_stats(folder), "figures", 30)
        figures = Figures.of(record)
        assert agent.stop() == 0
    assert figures.model_hash == read_model(golden).sha256
    assert figures.inference_ms is not None
    assert figures.judged > 0
    assert (folder / "stats.json").stat().st_mode & 0o777 == 0o644


def test_figures_that_can_not_be_kept_stop_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        StatsFile(tmp_path / "gone", TOPICS).write({"uptime_s": 1})
    assert "can't write" in caplog.text
    assert read_stats(tmp_path / "gone") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_file_that_is_no_record_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stats.json").write_bytes(content)
    assert read_stats(tmp_path) is None


def test_without_systemd_there_is_no_folder() -> None:
    assert runtime_folder({}) is None
    assert runtime_folder({"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a")
