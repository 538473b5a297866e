"""The package, the brokers, and a way in by ssh: once for all that is done to the machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian.device import run
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.tools import accepts, free_port, need_program, wait_until


@pytest.fixture(scope="session")
def package() -> Path:
    """The one that `make deb-test` has built; elsewhere these tests would change the machine."""
    if "EDGE_DEB_TEST" not in os.environ:
        pytest.skip("it takes a machine that may be spoilt: make deb-test makes one")
    return Path(os.environ["EDGE_DEB_TEST"]).resolve()


@pytest.fixture(scope="session")
def broker(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    run("hostname", "Edge-Pi.local")
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="session")
def guarded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("guarded"), user="front", password="hush") as broker:
        yield broker


@pytest.fixture(scope="session")
def sshd(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`ssh device` leads to this machine, where a `sudo` asks no questions."""
    folder, port = tmp_path_factory.mktemp("ssh"), free_port()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    home = Path("/root/.ssh")
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "authorized_keys").write_text((folder / "user.pub").read_text())
    (home / "config").write_text(
        f"Host device\nHostName 127.0.0.1\nPort {port}\nUser root\nIdentityFile {folder}/user\n"
        f"UserKnownHostsFile {folder}/known\nStrictHostKeyChecking accept-new\n"
    )
    sudo = Path("/usr/local/bin/sudo")
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    daemon = [need_program("sshd"), "-D", "-e", "-p", str(port), "-h", str(folder / "host")]
    with subprocess.Popen(daemon, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: accepts(port), "sshd")
        yield
        process.terminate()
