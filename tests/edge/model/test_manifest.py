"""What a model file says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edge.model.manifest import Manifest, Preprocess
from edge.model.model_file import read_model
from edge.preprocess import PreprocessSpec


@pytest.fixture
def manifest(golden: Path) -> Manifest:
    described = read_model(golden).manifest
    assert described is not None
    return described


def test_a_manifest_survives_json(manifest: Manifest) -> None:
    assert Manifest.model_validate_json(manifest.model_dump_json(by_alias=True)) == manifest


def test_outsiders_find_the_promised_keys(manifest: Manifest) -> None:
    record: dict[str, Any] = json.loads(manifest.model_dump_json(by_alias=True))
    assert {"schema", "name", "version", "labels", "preprocess", "threshold", "metrics"} <= record.keys()
    assert record["schema"] == 1
    for kind in ("float", "int8"):
        assert record["metrics"][kind].keys() == {"accuracy", "count"}


def test_a_preprocess_record_is_its_spec() -> None:
    spec = PreprocessSpec(96, 64, "pad", "linear")
    assert Preprocess.of(spec).spec() == spec


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["one"]},
        {"labels": ["a", " b"]},
        {"labels": ["a", ""]},
        {"threshold": -0.1},
        {"model_sha256": "ABC"},
        {"preprocess": {"width": 0, "height": 32}},
        {"preprocess": {"width": 32, "height": 32, "fit": "zoom"}},
    ],
)
def test_an_impossible_manifest_is_refused(manifest: Manifest, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest.model_dump(by_alias=True) | change)
