"""The archive, unpacked where everybody may read it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.device import unpacked


@pytest.fixture(scope="session")
def archive() -> Path:
    """The one that `make install-test` has built; elsewhere these tests would change the machine."""
    if "EDGE_INSTALL_TEST" not in os.environ:
        pytest.skip("it takes a machine that may be spoilt: make install-test makes one")
    return Path(os.environ["EDGE_INSTALL_TEST"]).resolve()


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder for archives; pytest's own are closed to other users."""
    folder = Path(tempfile.mkdtemp(dir="/srv"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def unpacked_archive(archive: Path, place: Path) -> Path:
    """The archive's folder, as a user has it."""
    return unpacked(archive, place / "unpacked")
