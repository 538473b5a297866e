"""docs/extend/source.md, done word by word: a source of one's own, in a run of the agent and in process."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import make_opener, register_source
from edge.capture.sources.schemes import SCHEMES
from edge.errors import ConfigError, UsageError
from tests.support.agents.command_line import ROOT, EdgeAgent, edge_agent
from tests.support.tools import wait_until

PAGE = ROOT / "docs" / "extend" / "source.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for name, text in BLOCK.findall(PAGE.read_text()):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's module can be imported here, and its scheme is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(folder))
    yield
    SCHEMES.pop("blink", None)
    sys.modules.pop("blink", None)


def path_with(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}


def test_the_agent_labels_what_the_source_shows(folder: Path, golden: Path) -> None:
    command = ("--config", "agent.toml", "--camera", "blink://", "--model", golden, "--stdout")
    with EdgeAgent(folder, *command, env=path_with(folder)) as agent:
        wait_until(lambda: {"red", "blue"} <= {record["label"] for record in agent.records}, "both colours")
        assert {record["camera"] for record in agent.records} == {"blink"}
        assert agent.stop() == 0


def test_the_page_s_own_test_passes(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_blink.py"]
    environment = {**os.environ, **path_with(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("importable")
def test_a_source_can_be_registered_in_process() -> None:
    register_source("blink", "blink:Blink", {"period": 60.0})
    source = parse_source("blink://yard")
    assert (source.kind, source.live) == ("blink", True)
    with contextlib.closing(make_opener(source)()) as reader:
        picture = reader.read()
    assert picture is not None
    assert picture.pixels.shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[sources.blink]\nperiod = 1\n", "error: can't use [sources.blink]: it names no class"),
        (
            '[sources.Blink]\nclass = "blink:Blink"\n',
            "error: can't use [sources.Blink]: its name is no scheme",
        ),
        ('[sources.blink]\nclass = "nowhere:Blink"\n', "No module named 'nowhere'; is 'nowhere:Blink' right"),
        ('[sources.blink]\nclass = "blink:Wink"\n', "has no attribute 'Wink'"),
        (
            '[sources.blink]\nclass = "blink:BlinkReader"\n',
            "is not a subclass of edge.capture.sources.reader",
        ),
        ('[sources.blink]\nclass = "blink:Blink"\nperiod = 0\n', "period must be more than 0 seconds"),
        ('[sources.blink]\nclass = "blink:Blink"\ncolour = "red"\n', "unexpected keyword argument 'colour'"),
    ],
)
def test_bad_settings_end_the_agent_with_one_sentence(
    folder: Path, golden: Path, section: str, said: str
) -> None:
    (folder / "agent.toml").write_text(section)
    command = ("--config", "agent.toml", "--camera", "blink://", "--model", golden, "--stdout")
    agent = edge_agent(folder, *command, env=path_with(folder))
    (line,) = [line for line in agent.stderr.splitlines() if line.startswith("error: ")]
    assert said in line
    assert agent.process.returncode == 78


def test_a_scheme_that_nobody_registered_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"unknown blink://; use rtsp://, .*test://"):
        parse_source("blink://")


def test_a_section_may_not_be_used_by_any_camera(folder: Path, golden: Path) -> None:
    command = ("--config", "agent.toml", "--camera", "test://?size=64x48", "--model", golden)
    assert edge_agent(folder, *command, "--stdout", "--frames", 3).process.returncode == 0


def test_a_scheme_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="no scheme"):
        register_source("my camera", "blink:Blink")
