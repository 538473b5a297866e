"""The Debian package on a machine of its own, from `dpkg --install` to `dpkg --purge`.

`make deb-test` runs this beside a real systemd, without a network. The tests of this folder tell one story in
three files: each begins where the one before has ended.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from edge.cli import COMMANDS
from tests.conftest import GOLDEN
from tests.debian.device import (
    AGENT,
    HINT,
    PRIVATE,
    SETTINGS,
    STATE,
    UNITS,
    deploy,
    dpkg,
    is_active,
    journal,
    on_device,
    property_of,
    run,
)
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.tools import need_program


def depended_on(package: Path) -> set[str]:
    fields = dpkg("--field", package, "Depends")
    return {entry.split()[0] for entry in fields.split(",")}


def needed_libraries() -> set[str]:
    """By the names that the dynamic linker looks for, less those that the package brings."""
    shipped = [path for path in PRIVATE.rglob("*.so*") if path.is_file()]
    headers = run(need_program("readelf"), "--dynamic", "--wide", *shipped).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", headers)) - {path.name for path in shipped}


def test_lintian_has_nothing_to_say_that_is_not_explained(package: Path) -> None:
    checked = run(need_program("lintian"), "--allow-root", "--no-cfg", "--fail-on", "warning", package)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_it_is_refused_where_install_sh_has_been(package: Path) -> None:
    unit = UNITS / AGENT
    unit.write_text("[Service]\nExecStart=/opt/edge-agent/bin/edge-agent\n")
    done = run("dpkg", "--install", package)
    unit.unlink()
    assert done.returncode == 1
    assert "error: can't install the package edge-agent: install.sh's agent is on this machine" in done.stdout
    assert not PRIVATE.exists()


def test_without_a_model_it_waits_and_says_what_to_do(package: Path) -> None:
    assert HINT in dpkg("--install", package)
    assert run("systemctl", "is-enabled", AGENT).stdout == "enabled\n"
    assert property_of(AGENT, "ActiveState") == "inactive"
    assert HINT in journal(AGENT)
    settings = SETTINGS / "agent.toml"
    assert (settings.stat().st_mode & 0o777, settings.group()) == (0o640, "edge-agent")
    assert (STATE.stat().st_mode & 0o777, STATE.owner()) == (0o750, "edge-agent")
    assert "video" in run("id", "-nG", "edge-agent").stdout.split()
    # What is installed is what is in the package, but for the conffile's group.
    assert dpkg("--verify", "edge-agent") == ""


def test_systemd_has_nothing_to_say_about_the_units(package: Path) -> None:
    units = (PRIVATE.parent / "systemd/system" / name for name in (AGENT, "edge-agent@.service"))
    verified = run("systemd-analyze", "verify", "--man=no", *units)
    assert (verified.returncode, verified.stdout) == (0, "")


def test_it_depends_on_all_the_libraries_that_it_does_not_bring(package: Path) -> None:
    known = dict(re.findall(r"^\t(\S+) .*x86-64.* => (\S+)$", run("ldconfig", "-p").stdout, re.MULTILINE))
    found = {name: Path(known[name]).resolve() for name in needed_libraries()}
    # Not by the whole path: dpkg knows libc's under /lib, where that is a link.
    patterns = {f"*/{path.parent.name}/{path.name}" for path in found.values()}
    owners = {dpkg("--search", pattern).split(":")[0] for pattern in patterns}
    assert {"libc6", "zlib1g"} <= owners <= depended_on(package)


def test_its_manual_names_every_command(package: Path) -> None:
    with gzip.open("/usr/share/man/man1/edge-agent.1.gz", "rt") as manual:
        text = manual.read()
    assert [name for name in COMMANDS if f".SS {name}" not in text] == []


def test_it_uses_its_own_packages_only(package: Path) -> None:
    where = run(PRIVATE / "bin/python3", "-c", "import sys; print(*sys.path, sep='\\n')").stdout.split()
    assert [path for path in where if path.endswith("-packages")] == [
        str(next(PRIVATE.glob("lib/python3*/site-packages")))
    ]


def test_make_deploy_without_a_model_sets_camera_and_broker(
    package: Path, broker: Mosquitto, sshd: None
) -> None:
    done = deploy(HOST="device", PACKAGE=package, CAMERA="test://", BROKER=broker.url)
    assert (done.returncode, HINT in done.stdout) == (0, True), done.stdout
    assert property_of(AGENT, "ActiveState") == "inactive"
    settings = SETTINGS / "agent.toml"
    assert 'source = "test://"' in settings.read_text()
    assert f'url = "{broker.url}"' in settings.read_text()
    assert (settings.stat().st_mode & 0o777, settings.group()) == (0o640, "edge-agent")


def test_an_address_that_can_not_be_is_not_kept(package: Path) -> None:
    settings = SETTINGS / "agent.toml"
    before = settings.read_text()
    settings.write_text(before.replace('"test://"', '"0"'))
    done = on_device(GOLDEN, "nonsense://x")
    assert done.returncode == 2
    assert "FAIL  cameras: can't use the camera nonsense://x" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("error: edge-agent was not started: ")
    assert settings.read_text() == before.replace('"test://"', '"0"')
    assert not is_active(AGENT)
    settings.write_text(before)


def test_make_deploy_brings_a_model_and_starts_the_agent(
    package: Path, broker: Mosquitto, sshd: None, tmp_path: Path
) -> None:
    model = tmp_path / "it's a model.tflite"
    model.write_bytes(GOLDEN.read_bytes())
    before = (SETTINGS / "agent.toml").read_text()
    done = deploy(HOST="device", PACKAGE=package, MODEL=model, CAMERA="0; touch /oops")
    assert done.returncode == 0, done.stdout
    assert "agent.toml stays as it is, for its source was changed before" in done.stdout
    for part in ("config: device edge-pi-local", "self-test: same decisions", "camera test", "broker"):
        assert re.search(f"^ok +{part}", done.stdout, re.MULTILINE), part
    assert is_active(AGENT)
    assert (SETTINGS / "agent.toml").read_text() == before
    assert not Path("/oops").exists()
    assert list(Path("/root").glob("edge-agent.*")) == []


def test_make_deploy_without_a_host_says_what_to_write() -> None:
    done = deploy()
    assert (done.returncode, "make deploy HOST=pi@raspberrypi.local" in done.stdout) == (2, True)


def test_a_host_that_is_not_there_is_one_sentence(package: Path, sshd: None) -> None:
    done = deploy(HOST="nobody@127.0.0.1", PACKAGE=package)
    assert (done.returncode, done.stdout.splitlines()[-1][:44]) == (
        1,
        "error: can't ask nobody@127.0.0.1 what it is",
    )
