"""The Debian package on a machine of its own, from `dpkg --install` to `dpkg --purge`.

`make deb-test` runs this beside a real systemd, without a network. The tests tell one story: each begins
where the one before has ended.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import GOLDEN
from tests.deploy.device import SETTINGS, STATE, is_active, journal, property_of, run
from tests.support.command_line import ROOT
from tests.support.mosquitto import Mosquitto
from tests.support.subscriber import Subscriber
from tests.support.tools import need_program, wait_until

AGENT, FRONT = "edge-agent.service", "edge-agent@front.service"
PRIVATE = Path("/usr/lib/edge-agent")
UNITS = Path("/etc/systemd/system")
UNATTENDED = ("--force-confdef", "--force-confold")  # as unattended-upgrades answers dpkg's questions
HINT = "edge-agent has no model yet: sudo edge-agent models add model.tflite"


@pytest.fixture(scope="session")
def package() -> Path:
    """The one that `make deb-test` has built; elsewhere these tests would change the machine."""
    if "EDGE_DEB_TEST" not in os.environ:
        pytest.skip("it takes a machine that may be spoilt: make deb-test makes one")
    return Path(os.environ["EDGE_DEB_TEST"]).resolve()


@pytest.fixture(scope="module")
def broker(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    run("hostname", "edge-pi")
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


def dpkg(*arguments: object) -> str:
    """What dpkg says; it must succeed."""
    done = run("dpkg", *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def depended_on(package: Path) -> set[str]:
    fields = dpkg("--field", package, "Depends")
    return {entry.split()[0] for entry in fields.split(",")}


def needed_libraries() -> set[str]:
    """By the names that the dynamic linker looks for, less those that the package brings."""
    shipped = [path for path in PRIVATE.rglob("*.so*") if path.is_file()]
    headers = run(need_program("readelf"), "--dynamic", "--wide", *shipped).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", headers)) - {path.name for path in shipped}


def newer(package: Path, folder: Path) -> Path:
    """The same package with a higher version, and another example in the conffile."""
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder / "content"], check=True)
    control = folder / "content/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 99", control.read_text()))
    with (folder / "content/etc/edge-agent/agent.toml").open("a") as example:
        example.write("# something new\n")
    built = folder / "newer.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--build", folder / "content", built], check=True)
    return built


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


def test_install_sh_is_refused_beside_it(package: Path) -> None:
    done = run(ROOT / "deploy/install.sh")
    assert (done.returncode, "beside the Debian package edge-agent" in done.stdout) == (1, True)


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


def test_it_uses_its_own_packages_only(package: Path) -> None:
    where = run(PRIVATE / "bin/python3", "-c", "import sys; print(*sys.path, sep='\\n')").stdout.split()
    assert [path for path in where if path.endswith("-packages")] == [
        str(next(PRIVATE.glob("lib/python3*/site-packages")))
    ]


def test_with_a_model_labels_arrive(package: Path, broker: Mosquitto) -> None:
    settings = SETTINGS / "agent.toml"
    text = settings.read_text().replace('source = "0"', 'source = "test://"')
    settings.write_text(text.replace('"mqtt://localhost:1883"', f'"{broker.url}"'))
    run("install", "-m", "640", "-g", "edge-agent", settings, SETTINGS / "front.toml")
    added = run("edge-agent", "models", "add", GOLDEN)
    assert added.returncode == 0, added.stdout
    started = run("systemctl", "enable", "--now", AGENT, FRONT)
    assert started.returncode == 0, started.stdout
    with Subscriber(broker.port) as subscriber:
        for device in ("edge-pi", "edge-pi-front"):
            subscriber.wait_for_text(f"{device}/availability", "online")
            subscriber.wait_for_text(f"{device}/test/label", "red")


def test_an_upgrade_keeps_the_edited_configuration_and_starts_the_agents_again(
    package: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    settings = (SETTINGS / "agent.toml").read_text()
    before = [property_of(unit, "MainPID") for unit in (AGENT, FRONT)]
    dpkg("--install", *UNATTENDED, newer(package, tmp_path))
    assert (SETTINGS / "agent.toml").read_text() == settings
    assert "# something new" in (SETTINGS / "agent.toml.dpkg-dist").read_text()
    assert run("dpkg-query", "--show", "--showformat=${Version}", "edge-agent").stdout == "99"
    for unit, old in zip((AGENT, FRONT), before, strict=True):
        wait_until(lambda unit=unit: is_active(unit), unit)  # type: ignore[misc]
        assert property_of(unit, "MainPID") != old
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text("edge-pi/test/label", "red")


def test_removal_keeps_configuration_and_models(package: Path) -> None:
    dpkg("--remove", "edge-agent")
    assert not PRIVATE.exists()
    assert property_of(AGENT, "ActiveState") == property_of(FRONT, "ActiveState") == "inactive"
    assert 'source = "test://"' in (SETTINGS / "agent.toml").read_text()
    assert (STATE / "models/current").read_bytes() == GOLDEN.read_bytes()


def test_purge_leaves_nothing(package: Path) -> None:
    dpkg("--purge", "edge-agent")
    assert not [path for path in (SETTINGS, STATE, PRIVATE) if path.exists()]
    assert list(UNITS.rglob("edge-agent*")) == []
    assert "edge-agent" not in dpkg("--get-selections")
