"""report.html of a real run: what it says, what it compares with, and what it makes of damaged folders."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.training.conftest import Trained
from training.errors import RunError
from training.progress import Silent
from training.report.write import ReportOptions, write_report
from training.runs import COMPARISON, EVALUATION, INT8_SCORES, MODEL, SCORES, SPLIT, TRAINING, Run

SECTIONS = [
    "The verdict",
    "The photographs",
    "Learning",
    "What is taken for what",
    "Class by class",
    "Do the scores mean what they say?",
    "The worst mistakes",
    "The thing, or the background?",
    "Float against int8",
    "The run",
]
VOID = {"meta", "img", "br", "link", "hr", "input"}


class _Checked(HTMLParser):
    """Fails where a tag is closed that is not the open one; notes addresses and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> _Checked:
    """The page parsed, every tag closed."""
    parser = _Checked()
    parser.feed(page)
    assert parser.open == []
    return parser


@pytest.fixture
def copied(trained: Trained, tmp_path: Path) -> Run:
    """A copy of the session's run, alone in a folder of runs."""
    shutil.copytree(trained.run.folder, tmp_path / "runs" / "first")
    return Run(tmp_path / "runs" / "first", "first")


def _again(run: Run, name: str, created: str) -> Run:
    """The same run under another name and date."""
    folder = run.folder.parent / name
    shutil.copytree(run.folder, folder)
    record = json.loads((folder / TRAINING).read_text())
    (folder / TRAINING).write_text(json.dumps(record | {"created": created}))
    return Run(folder, name)


def _report(run: Run, against: str | None = None) -> tuple[str, tuple[str, ...]]:
    report = write_report(run, run.folder.parent, ReportOptions(against=against), Silent())
    assert report.path == run.folder / "report.html"
    return report.path.read_text(encoding="utf-8"), report.verdict


@pytest.mark.slow
def test_one_file_tells_it_all_and_again_the_same(copied: Run) -> None:
    page, verdict = _report(copied)
    found = checked(page)
    assert re.findall(r"<h2>(.*?)</h2>", page) == SECTIONS
    assert "script" not in found.tags
    assert all(address.startswith(("data:", "#")) or address == "audit.html" for address in found.addresses)
    assert "://" not in page.replace("http://www.w3.org/", "")
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page
    assert "currentColor" in page
    assert len(page) < 2_000_000
    assert verdict[0].startswith(("Good enough", "Perhaps good enough"))
    assert verdict[-1].startswith("Next: ")
    assert 3 <= len(verdict) <= 6
    assert "There is no earlier run" in page
    assert _report(copied) == (page, verdict)


@pytest.mark.slow
def test_a_run_that_is_only_trained_is_evaluated_first(copied: Run) -> None:
    for file in (EVALUATION, SCORES, COMPARISON, INT8_SCORES, MODEL):
        copied.path(file).unlink()
    page, verdict = _report(copied)
    assert copied.path(EVALUATION).is_file()
    assert "Float against int8" not in page
    assert any("edge-train quantize" in sentence for sentence in verdict)


@pytest.mark.slow
def test_the_run_before_is_compared_with(copied: Run) -> None:
    later = _again(copied, "second", "2099-01-01T00:00:00.000+00:00")
    _again(copied, "third", "2099-02-01T00:00:00.000+00:00")
    page, verdict = _report(later)
    assert any(sentence.startswith("As good as first") for sentence in verdict)
    assert "test photographs that both have" in page
    assert any(sentence.startswith("As good as third") for sentence in _report(later, against="third")[1])


def test_a_damaged_folder_is_one_sentence(copied: Run) -> None:
    copied.write(SCORES, b"no archive")
    with pytest.raises(
        RunError, match=r"can't use the run first: scores\.npz: .*edge-train evaluate --run first"
    ):
        _report(copied)


def test_scores_that_do_not_fit_the_split_are_refused(copied: Run) -> None:
    split = json.loads(copied.read(SPLIT))
    copied.write(SPLIT, json.dumps(split | {"test": split["test"][1:]}).encode())
    with pytest.raises(RunError, match=r"scores\.npz has .* where the split has .*make it again"):
        _report(copied)


def test_a_record_of_an_older_version_is_one_sentence(copied: Run) -> None:
    copied.write(EVALUATION, b'{"threshold": 0.5, "val": {}, "test": {}}')
    with pytest.raises(RunError, match="is of version 1, this program reads version 2; make it again"):
        _report(copied)


def test_a_run_to_compare_with_that_cant_be_used_is_said(copied: Run) -> None:
    with pytest.raises(RunError, match=r"there is no trained run gone in .*; there are: first"):
        _report(copied, against="gone")
    other = _again(copied, "bare", "2020-01-01T00:00:00.000+00:00")
    other.path(SCORES).unlink()
    with pytest.raises(
        RunError, match=r"can't compare with the run bare: it has no scores\.npz; evaluate it"
    ):
        _report(copied, against="bare")


@pytest.mark.slow
def test_a_damaged_run_before_does_not_stop_the_report(copied: Run) -> None:
    _again(copied, "older", "2020-01-01T00:00:00.000+00:00").write(SCORES, b"no archive")
    _, verdict = _report(copied)
    assert any(sentence.startswith("Can't be compared with older: scores.npz:") for sentence in verdict)
