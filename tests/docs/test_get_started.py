"""docs/get-started.md, word by word: a fresh clone, a clean environment, each command as it stands there.

It builds a whole `.venv` and trains, so it is part of `make docs-test` (and `make check`) only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs import documents

CLEAN_PATH = "/usr/local/bin:/usr/bin:/bin"
# where pip finds packages, which is this machine's affair; its cache saves the download, not the building
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
KEPT_VARIABLES = ("PIP_", "SSL_CERT", *PROXIES, *(name.upper() for name in PROXIES))
COMMAND_TIMEOUT_S = 3600.0  # the first one downloads and builds 2 GB and trains, beside all else of `check`

pytestmark = pytest.mark.skipif(
    not os.environ.get("FOLLOW_DOCUMENTS"), reason="it builds an environment of 2 GB: make docs-test"
)


def typed_commands() -> list[str]:
    text = (documents.DOCS / "get-started.md").read_text(encoding="utf-8")
    return [line for block in documents.blocks(text, "bash") for line in block.splitlines() if line.strip()]


def clean_environment(home: Path) -> Mapping[str, str]:
    """What a new user on this machine has: a home, a path, and pip's settings."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT_VARIABLES)}
    asked = subprocess.run(["pip", "cache", "dir"], capture_output=True, text=True, check=False)
    if cache := asked.stdout.strip():
        kept.setdefault("PIP_CACHE_DIR", cache)
    return {**kept, "HOME": str(home), "PATH": CLEAN_PATH, "LANG": "C.UTF-8"}


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A fresh clone of what is committed; pytest keeps old folders, and this one has 2 GB."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", documents.ROOT, folder], check=True)
    yield folder
    shutil.rmtree(folder)


def test_get_started_word_by_word(clone: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = clean_environment(home)

    for command in typed_commands():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"

    assert (clone / "runs" / "latest" / "report.html").is_file()
