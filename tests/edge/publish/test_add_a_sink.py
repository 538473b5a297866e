"""The page "Add a sink", followed word by word, and what is said of wrong settings."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.publish import registry
from edge.publish.registry import SinkContext, open_sink, register_sink
from edge.publish.sink import Sink
from edge.records import ModelIdentity
from tests.support.agents.command_line import ROOT, EdgeAgent, edge_agent

PAGE = ROOT / "docs" / "extend" / "sink.md"
BLOCK = re.compile(r'^```\w+ title="(?P<name>[^"]+)"\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
CONTEXT = SinkContext("pi", ModelIdentity("colours", "1", "0" * 64), ("red", "green"), io.StringIO())


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder with the files of the page, and nothing else."""
    blocks = {found["name"]: found["text"] for found in BLOCK.finditer(PAGE.read_text())}
    assert set(blocks) == {"csv_sink.py", "agent.toml", "test_csv_sink.py"}
    for name, text in blocks.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def python_path(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def run_with(folder: Path, golden: Path, configuration: str) -> EdgeAgent:
    """The agent with a test picture and these lines of configuration."""
    (folder / "agent.toml").write_text(configuration)
    arguments = ("--config", "agent.toml", "--stdout", "--camera", "front=test://?size=64x48")
    return edge_agent(folder, *arguments, "--model", golden, "--frames", 10, env=python_path(folder))


def test_the_pages_sink_gets_the_agents_events(example: Path, golden: Path) -> None:
    agent = run_with(example, golden, (example / "agent.toml").read_text())
    assert agent.process.returncode == 0, agent.stderr
    with (example / "decisions.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    events = [record for record in agent.records if record["changed"]]
    assert events
    assert rows == [
        [
            event["timestamp"],
            "front",
            event["label"] or event["unknown_reason"],
            f"{event['confidence']:.3f}",
        ]
        for event in events
    ]


def test_the_pages_test_passes(example: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_csv_sink.py"]
    environment = os.environ | python_path(example)
    done = subprocess.run(command, cwd=example, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_registered_sink_is_known_by_its_name(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(example))
    monkeypatch.setattr(registry, "SINKS", dict(registry.SINKS))
    register_sink("csv", "csv_sink:CsvSink")
    sink = open_sink("csv", {"path": str(example / "decisions.csv")}, CONTEXT)
    assert isinstance(sink, Sink)
    sink.start()
    sink.close(1.0)
    assert (example / "decisions.csv").read_text() == ""


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sinks.cvs = {}", "can't make the sink cvs: there are: stdout; name one of these, or its class: "),
        (
            'sinks.csv = {class = "csv_sink"}',
            "can't use [sinks.csv]: module 'csv_sink' has no attribute ''; is 'csv_sink' right",
        ),
        ('sinks.csv = {class = "no_module:CsvSink"}', "can't use [sinks.csv]: No module named 'no_module'; "),
        (
            'sinks.csv = {class = "csv_sink:NoSink"}',
            "[sinks.csv]: module 'csv_sink' has no attribute 'NoSink'; ",
        ),
        (
            'sinks.csv = {class = "csv_sink:Path"}',
            "[sinks.csv]: csv_sink:Path is not a subclass of edge.publish.sink.Sink",
        ),
        (
            'sinks.csv = {class = "csv_sink:csv"}',
            "[sinks.csv]: csv_sink:csv is not a subclass of edge.publish.sink.Sink",
        ),
        (
            'sinks.csv = {class = "csv_sink:CsvSink", path = "a", pth = "b"}',
            "got an unexpected keyword argument 'pth'",
        ),
        (
            'sinks.csv = {class = "csv_sink:CsvSink"}',
            "missing 1 required positional argument: 'path'; check its settings",
        ),
    ],
)
def test_wrong_settings_end_the_agent_with_one_sentence(
    example: Path, golden: Path, line: str, sentence: str
) -> None:
    agent = run_with(example, golden, line)
    assert agent.process.returncode == 78, agent.stderr
    last = agent.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert sentence in last
    assert "Traceback" not in agent.stderr
