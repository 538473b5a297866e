"""The device imports nothing of the workstation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for path in (ROOT / "edge").rglob("*.py") if not path.stem.startswith("__"))
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES]
IMPORT_WITHOUT = """
import importlib, sys
for name in ("tensorflow", "keras", "sklearn", "matplotlib", "training", "optuna", "jinja2"):
    sys.modules[name] = None
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
LIST_IMPORTED = """
import sys
import edge.cli
print(*sorted(name for name in sys.modules if name.partition(".")[0] in
      ("cv2", "numpy", "paho", "pydantic", "ai_edge_litert", "tflite_runtime")))
"""
COLLECT_WITHOUT = """
import sys, tempfile
for name in ("tensorflow", "training", "ai_edge_litert", "tflite_runtime", "paho"):
    sys.modules[name] = None
from edge.cli import app
command = "collect --camera test://?size=64x48 --label mug --every 0.01 --count 2 --keep-duplicates"
app([*command.split(), "--into", tempfile.mkdtemp()])
"""
DOCTOR_WITHOUT = """
import sys
for name in ("cv2", "numpy", "paho", "pydantic", "ai_edge_litert", "tflite_runtime"):
    sys.modules[name] = None
import edge.commands.doctor.command, edge.commands.doctor.diagnosis
"""
RUN_THEN_LIST = """
import contextlib, io, sys
from edge.cli import app
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    app("--model tests/golden/colours.tflite --camera test:// --frames 1 --stdout".split())
print(*sys.modules)
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


def test_every_module_imports_without_the_workstations_libraries() -> None:
    done = python(IMPORT_WITHOUT, *MODULES)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("word", ["tensorflow", "keras", "sklearn", "matplotlib", "training"])
def test_no_source_line_imports_them(word: str) -> None:
    for path in SOURCES:
        lines = path.read_text().splitlines()
        assert not [line for line in lines if line.strip().startswith((f"import {word}", f"from {word}"))]


def test_collecting_photographs_needs_no_model_runtime_either() -> None:
    done = python(COLLECT_WITHOUT)
    assert done.returncode == 0, done.stderr
    assert "stored 2" in done.stdout


def test_the_command_line_imports_no_library_before_a_command_needs_it() -> None:
    done = python(LIST_IMPORTED)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_doctor_imports_nothing_that_may_be_what_is_broken() -> None:
    done = python(DOCTOR_WITHOUT)
    assert done.returncode == 0, done.stderr


def test_a_run_imports_nothing_of_what_it_does_not_do() -> None:
    done = python(RUN_THEN_LIST)
    imported = set(done.stdout.split())
    assert {"edge.agent.build", "edge.capture.sources.test_pattern"} <= imported, done.stderr
    of_metrics, of_brokers = {"http.server"}, {"paho.mqtt.client", "sqlite3", "ssl", "edge.agent.build_mqtt"}
    of_other_cameras = {
        "edge.capture.sources.v4l2",
        "edge.capture.sources.libcamera",
        "edge.capture.sources.watched_folder",
    }
    of_other_commands = {"edge.commands.bench.command", "edge.commands.inspect.command", "rich"}
    assert imported.isdisjoint(of_metrics | of_brokers | of_other_cameras | of_other_commands)
