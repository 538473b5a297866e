"""The third part of the story: updates that fail and one that holds, then removal and purge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import GOLDEN
from tests.debian.device import (
    AGENT,
    CURRENT,
    DEVICE,
    FRONT,
    PRIVATE,
    SETTINGS,
    STATE,
    UNATTENDED,
    UNITS,
    YARD,
    deploy,
    dpkg,
    is_active,
    on_device,
    property_of,
    rebuild,
    run,
    set_field,
)
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber
from tests.support.tools import wait_until


def for_another_machine(content: Path) -> None:
    set_field(content, "Architecture", "arm64")


def for_another_release(content: Path) -> None:
    set_field(content, "Pre-Depends", "python3.19")


def with_a_damaged_agent(content: Path) -> None:
    (module,) = content.glob("usr/lib/edge-agent/lib/python3*/site-packages/edge/cli.py")
    module.write_text(module.read_text() + "\nimport something_that_is_not_there\n")


def make_newer(content: Path) -> None:
    set_field(content, "Version", "99")
    with (content / "etc/edge-agent/agent.toml").open("a") as example:
        example.write("# something new\n")


def installed_version() -> str:
    return run("dpkg-query", "--show", "--showformat=${Status} ${Version}", "edge-agent").stdout


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (for_another_machine, "package architecture (arm64) does not match system"),
        (for_another_release, "pre-dependency problem"),
        (with_a_damaged_agent, f"error: this edge-agent would not run with {AGENT}"),
    ],
)
def test_a_failed_update_leaves_the_old_agent_running(
    package: Path, broker: Mosquitto, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    before = installed_version()
    spoilt = rebuild(package, tmp_path, spoil)
    done = run("dpkg", "--install", *UNATTENDED, spoilt)
    spoilt.unlink()
    assert (done.returncode, said in done.stdout) == (1, True), done.stdout
    assert installed_version() == before
    # All files are the old package's, but for the conffile that the user has changed.
    assert dpkg("--verify", "edge-agent").split() == ["??5??????", "c", f"{SETTINGS}/agent.toml"]
    for unit in (AGENT, FRONT, YARD):
        wait_until(lambda unit=unit: is_active(unit), unit)  # type: ignore[misc]
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text(f"{DEVICE}/test/label", "red")


def test_a_package_that_was_cut_off_is_refused(package: Path, sshd: None, tmp_path: Path) -> None:
    cut = tmp_path / package.name
    cut.write_bytes(package.read_bytes()[:1_000_000])
    before, process = installed_version(), property_of(AGENT, "MainPID")
    done = deploy(HOST="device", PACKAGE=cut)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("error: can't install the package: see above")
    assert (installed_version(), property_of(AGENT, "MainPID")) == (before, process)


def test_a_broken_model_is_not_taken(package: Path, tmp_path: Path) -> None:
    current = CURRENT.readlink()
    broken = tmp_path / "broken.tflite"
    broken.write_text("no model")
    done = on_device(broken)
    assert done.returncode == 78
    assert done.stdout.splitlines()[-1].startswith("error: can't use the model ")
    assert CURRENT.readlink() == current
    assert is_active(AGENT)


def test_an_upgrade_keeps_the_edited_configuration_and_starts_the_agents_again(
    package: Path, broker: Mosquitto, tmp_path: Path
) -> None:
    settings = (SETTINGS / "agent.toml").read_text()
    before = [property_of(unit, "MainPID") for unit in (AGENT, FRONT, YARD)]
    dpkg("--install", *UNATTENDED, rebuild(package, tmp_path, make_newer))
    assert (SETTINGS / "agent.toml").read_text() == settings
    assert "# something new" in (SETTINGS / "agent.toml.dpkg-dist").read_text()
    assert installed_version() == "install ok installed 99"
    for unit, old in zip((AGENT, FRONT, YARD), before, strict=True):
        wait_until(lambda unit=unit: is_active(unit), unit)  # type: ignore[misc]
        assert property_of(unit, "MainPID") != old
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text(f"{DEVICE}/test/label", "red")


def test_removal_keeps_what_is_the_user_s(package: Path) -> None:
    dpkg("--remove", "edge-agent")
    assert not PRIVATE.exists()
    assert [unit for unit in (AGENT, FRONT, YARD) if is_active(unit)] == []
    assert 'source = "test://"' in (SETTINGS / "agent.toml").read_text()
    assert (SETTINGS / "front.toml").exists()
    assert CURRENT.read_bytes() == GOLDEN.read_bytes()
    assert (STATE / f"outbox-{DEVICE}.sqlite").exists()


def test_purge_leaves_nothing(package: Path) -> None:
    dpkg("--purge", "edge-agent")
    assert not [path for path in (SETTINGS, STATE, PRIVATE) if path.exists()]
    assert list(UNITS.rglob("edge-agent*")) == []
    assert "edge-agent" not in dpkg("--get-selections")
    assert run("systemctl", "list-units", "--no-legend", "edge-agent*").stdout == ""  # nor a failed one
