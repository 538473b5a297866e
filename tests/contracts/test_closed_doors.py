"""The contracts on imports fail closed: what nobody has allowed is not allowed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
importlinter = pytest.importorskip("importlinter", reason="it belongs to the workstation's environment")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("edge", "training"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_a_new_module_of_the_device_is_open_to_nobody(copy: Path) -> None:
    (copy / "edge" / "novelty.py").write_text('"""New."""\n')
    (copy / "training" / "novelty.py").write_text('"""New."""\n\nimport edge.novelty\n')
    done = lint_imports(copy)
    assert done.returncode != 0
    assert "training.novelty -> edge.novelty" in done.stdout
    assert "novelty" in done.stdout.partition("Broken contracts")[2]


def test_the_loop_that_comes_to_know_the_broker_is_found(copy: Path) -> None:
    loop = copy / "edge" / "agent" / "loop.py"
    loop.write_text(loop.read_text() + "\n\nimport edge.publish.mqtt.address\n")
    done = lint_imports(copy)
    assert done.returncode != 0
    assert "edge.agent.loop -> edge.publish.mqtt.address" in done.stdout
