"""What the device finds on a disk beside its own: the package, and models, among them two bad ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import GOLDEN
from tests.guest.image import packed_payload
from tests.support.agents.command_line import ROOT

PACKAGE, ON_DEVICE, MODELS = (Path("/payload") / name for name in ("agent.deb", "on-device.sh", "models"))
DAMAGED = "damaged"
# A start that takes a Pi seconds may take minutes here, beside other work.
PATIENCE = "[Service]\nTimeoutStartSec=600\n"
# A subscriber that misses nothing: a session that lasts, and a disk.
SUBSCRIBER = """[Service]
ExecStart=/usr/bin/mosquitto_sub -c -i subscriber -q 1 -t edge/+/+/event
StandardOutput=append:/root/events
StandardError=journal
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""


def build_package(target: str, into: Path) -> Path:
    """The package of `make deb`, compressed in a hurry."""
    command = [sys.executable, str(ROOT / "deploy" / "build_deb.py"), target, str(into)]
    quickly = os.environ | {"DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1"}
    done = subprocess.run(command, env=quickly, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"the package: {done.stderr.strip()[-300:]}")
    (package,) = into.glob("*.deb")
    return package


def make_payload(folder: Path, package: Path, more_models: Sequence[Path]) -> Path:
    """The disk, as an image in a folder."""
    content = folder / "payload"
    models = content / MODELS.name
    models.mkdir(parents=True)
    shutil.copy(package, content / PACKAGE.name)
    shutil.copy(ROOT / "deploy" / ON_DEVICE.name, content)
    for model in (
        *(GOLDEN.parent / f"{name}.tflite" for name in ("colours", "familiar", "slow")),
        *more_models,
    ):
        shutil.copy(model, models)
    spoilt = bytearray(GOLDEN.read_bytes())
    spoilt[1000] ^= 0xFF
    (models / f"{DAMAGED}.tflite").write_bytes(spoilt)
    (content / "subscriber.service").write_text(SUBSCRIBER)
    (content / "patience.conf").write_text(PATIENCE)
    return packed_payload(content)
