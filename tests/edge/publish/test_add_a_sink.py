"""docs/extend/sink.md, done word by word: a sink of one's own, in a run of the agent and in process."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, EdgeAgent, edge_agent

PAGE = ROOT / "docs" / "extend" / "sink.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for name, text in BLOCK.findall(PAGE.read_text()):
        (tmp_path / name).write_text(text)
    return tmp_path


def path_with(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}


def test_the_agent_writes_its_events_into_the_file(folder: Path, golden: Path) -> None:
    command = ("--config", "agent.toml", "--camera", "front=test://?size=16x16", "--frames", 20)
    with EdgeAgent(folder, *command, "--model", golden, env=path_with(folder)) as agent:
        assert agent.process.wait(60) == 0
    lines = list(csv.reader((folder / "events.csv").read_text().splitlines()))
    assert [line[0] for line in lines] == ["front"] * len(lines)
    assert [int(line[1]) for line in lines] == list(range(1, len(lines) + 1))
    assert (lines[0][2:4], lines[-1][2:4]) == (["", "starting"], ["", "no_frames"])
    assert {line[2] for line in lines} & {"blue", "green", "red"}


def test_the_page_s_own_test_passes(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_csv_sink.py"]
    environment = {**os.environ, **path_with(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ('class = "csv_sink:CsvSink"\npath = "events.txt"', "path must end with .csv"),
        ('class = "csv_sink:CsvSink"\npath = "events.csv"\ncolour = "red"', "colour"),
        ('class = "csv_sink:Nothing"', "Nothing"),
        ('class = "no_such_module:Sink"', "no_such_module"),
        ('class = "json:JSONDecoder"', "is not a subclass of edge.publish.sink.Sink"),
        ('path = "events.csv"', "sinks.csv.class"),
    ],
)
def test_bad_settings_are_one_sentence(folder: Path, golden: Path, section: str, why: str) -> None:
    (folder / "agent.toml").write_text(f"mqtt = false\n[sinks.csv]\n{section}\n")
    command = ("--config", "agent.toml", "--camera", "test://", "--model", golden)
    agent = edge_agent(folder, *command, env=path_with(folder))
    errors = [line for line in agent.stderr.splitlines() if line.startswith("error: ")]
    assert (agent.process.returncode, len(errors)) == (78, 1), agent.stderr
    assert why in errors[0]
    assert "Traceback" not in agent.stderr
