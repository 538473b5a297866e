"""What a device gets, and the files that others read."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "scikit-learn", "matplotlib", "optuna", "jinja2", "elpv")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return loaded


def test_the_device_gets_nothing_of_the_workstation(project: dict[str, Any]) -> None:
    names = [re.split(r"[<>=;\[ ]", line)[0].lower() for line in project["dependencies"]]
    assert {"numpy", "opencv-python-headless", "paho-mqtt", "pydantic", "typer"} <= set(names)
    assert not [name for name in names if name.startswith(HEAVY)]
    for extra in ("embedded", "tflite-runtime"):
        assert not [line for line in project["optional-dependencies"][extra] if line.startswith(HEAVY)]


def test_the_commands_have_their_names(project: dict[str, Any]) -> None:
    assert project["scripts"] == {"edge-agent": "edge.cli:main", "edge-train": "training.cli:main"}


@pytest.mark.parametrize(
    "name", ["constraints.txt", "constraints-tflite-runtime.txt", "constraints-mediapipe.txt"]
)
def test_constraints_are_names_and_versions_only(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert len(lines) > 10
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+]*", line)] == []
    pinned = [re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines]
    assert len(set(pinned)) == len(pinned)


def test_a_model_file_is_read_by_any_zip_reader(golden: Path) -> None:
    with zipfile.ZipFile(golden) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        labels = archive.read("labels.txt").decode().splitlines()
    assert {"labels.txt", "manifest.json", "selftest/index.json"} <= set(names)
    assert manifest["labels"] == labels == ["blue", "green", "red"]
    assert manifest["metrics"]["int8"].keys() == {"accuracy", "count"}
    assert manifest["metrics"]["float"].keys() == {"accuracy", "count"}


def test_a_model_file_is_an_ordinary_tflite_file(golden: Path) -> None:
    assert golden.read_bytes()[4:8] == b"TFL3"
