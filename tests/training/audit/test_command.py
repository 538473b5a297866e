"""`edge-train audit` as a person meets it: a table, two files, and an exit code where it is asked for."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.models.photographs import write
from tests.support.tools import need
from tests.training.audit.test_examine import scene, write_scenes
from training.audit.output import read_audit

ROOT = Path(__file__).parents[3]


def _audit(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "EDGE_TRAIN_CACHE": str(cwd / "cache"),
    }
    return subprocess.run(
        [sys.executable, "-m", "training.cli", "audit", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve photographs each of two classes, one file of which is empty."""
    photos = write_scenes(tmp_path / "photos", 12)
    (photos / "mug" / "empty.jpg").write_bytes(b"")
    return photos


def test_findings_are_shown_and_written_without_tensorflow(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not here')")
    done = _audit("photos", "--no-labels", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 file with nothing inside" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    audit = read_audit(tmp_path / "audit" / "photos")
    assert {finding.kind for finding in audit.findings} == {"empty_file", "few_photographs"}
    assert not audit.labels_checked
    assert (tmp_path / "audit" / "photos" / "audit.html").is_file()


def test_strict_writes_everything_and_fails(photos: Path, tmp_path: Path) -> None:
    done = _audit("photos", "--no-labels", "--strict", "--out", "here", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the audit of photos has 2 warnings: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "here" / "audit.html").is_file()


def test_a_class_too_small_to_split_is_audited_all_the_same(photos: Path, tmp_path: Path) -> None:
    write(photos / "lonely" / "a.png", scene(77))
    done = _audit("photos", "--no-labels", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (finding,) = (f for f in read_audit(tmp_path / "audit" / "photos").findings if f.severity == "error")
    assert "the class 'lonely' has 1 photograph" in finding.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "error: can't read the photographs in nowhere: there is no such folder"),
        (
            ("photos", "--group-by", "("),
            "error: can't group the photographs by '(': it is no regular expression",
        ),
        ((), "name one folder of photographs"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    photos: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = _audit(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_labels_are_looked_at_with_a_backbone(photos: Path, tmp_path: Path) -> None:
    need(importlib.util.find_spec("tensorflow") is not None, "tensorflow")
    done = _audit("photos", "--backbone", "efficientnet_lite0", "--size", "64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_audit(tmp_path / "audit" / "photos").labels_checked
