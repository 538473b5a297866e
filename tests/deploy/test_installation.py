"""install.sh, the units and deploy.sh on a machine of their own, from nothing to nothing.

`make install-test` runs this beside a real systemd, without a network. The tests tell one story: each begins
where the one before has ended.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import GOLDEN
from tests.deploy.device import (
    LINK,
    SETTINGS,
    STATE,
    add_to_wheel,
    copied,
    install,
    is_active,
    journal,
    own_wheel,
    property_of,
    renew_sum,
    run,
    write,
)
from tests.support.command_line import ROOT
from tests.support.mosquitto import Mosquitto
from tests.support.subscriber import Subscriber
from tests.support.tools import accepts, free_port, need_program, wait_until

AGENT, FRONT, YARD = "edge-agent.service", "edge-agent@front.service", "edge-agent@yard.service"
DEVICE = "edge-pi-local"


@pytest.fixture(scope="module")
def broker(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    run("hostname", "Edge-Pi.local")
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def guarded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("guarded"), user="front", password="hush") as broker:
        yield broker


@pytest.fixture(scope="module")
def sshd(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
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


def deploy(**told: object) -> subprocess.CompletedProcess[str]:
    return run(ROOT / "deploy" / "deploy.sh", env={key: str(value) for key, value in told.items()})


def environment_in_use() -> Path:
    return LINK.resolve(strict=True)


def settings_for(instance: str, text: str) -> None:
    """A configuration of its own, as the README makes one."""
    file = SETTINGS / f"{instance}.toml"
    run("install", "-m", "640", "-g", "edge-agent", SETTINGS / "agent.toml", file)
    file.write_text(text)


def broken_unit(unpacked_archive: Path, place: Path) -> Path:
    folder = copied(unpacked_archive, place / "broken-unit")
    unit = (folder / AGENT).read_text()
    write(folder, AGENT, re.sub("(?m)^ExecStart=.*", "ExecStart=/bin/false", unit))
    return folder


def broken_wheel(unpacked_archive: Path, place: Path) -> Path:
    folder = copied(unpacked_archive, place / "broken-wheel")
    os.truncate(own_wheel(folder), 1000)
    renew_sum(folder, f"wheels/{own_wheel(folder).name}")
    return folder


def test_it_can_be_installed_without_being_started(unpacked_archive: Path, broker: Mosquitto) -> None:
    install(unpacked_archive, "--no-start", "--model", GOLDEN, "--camera", "test://", "--broker", broker.url)
    assert run("systemctl", "is-enabled", AGENT).stdout == "enabled\n"
    assert property_of(AGENT, "ActiveState") == "inactive"
    assert install(unpacked_archive, "--no-start").startswith("nothing changed")
    (SETTINGS / "agent.toml").unlink()
    shutil.rmtree(STATE / "models")


def test_an_address_that_can_not_be_is_not_kept(unpacked_archive: Path, broker: Mosquitto) -> None:
    done = run(unpacked_archive / "install.sh", "--camera", "nonsense://x", "--model", GOLDEN)
    assert done.returncode == 2
    assert "FAIL  cameras: can't use the camera nonsense://x" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("error: edge-agent was not started: ")
    assert not (SETTINGS / "agent.toml").exists()
    assert property_of(AGENT, "ActiveState") == "inactive"
    shutil.rmtree(STATE / "models")


def test_without_a_model_it_is_installed_and_says_what_to_do(
    unpacked_archive: Path, broker: Mosquitto
) -> None:
    said = install(unpacked_archive, "--camera", "test://", "--broker", broker.url)
    assert "there is no model yet: sudo /opt/edge-agent/bin/edge-agent models add" in said
    assert run("systemctl", "is-enabled", AGENT).stdout == "enabled\n"
    assert property_of(AGENT, "ActiveState") == "inactive"
    settings = (SETTINGS / "agent.toml").read_text()
    assert 'source = "test://"' in settings
    assert f'url = "{broker.url}"' in settings
    again = install(unpacked_archive)
    assert again.startswith("nothing changed")
    assert "there is no model yet" in again


def test_make_deploy_brings_a_model_and_starts_the_agent(
    archive: Path, broker: Mosquitto, sshd: None, tmp_path: Path
) -> None:
    model = tmp_path / "it's a model.tflite"
    model.write_bytes(GOLDEN.read_bytes())
    before = (SETTINGS / "agent.toml").read_text()
    done = deploy(HOST="device", ARCHIVE=archive, MODEL=model, CAMERA="0; touch /oops")
    assert done.returncode == 0, done.stdout
    assert "agent.toml stays as it is" in done.stdout
    for part in ("config: device edge-pi-local", "self-test: same decisions", "camera test", "broker"):
        assert re.search(f"^ok +{part}", done.stdout, re.MULTILINE), part
    assert is_active(AGENT)
    assert (SETTINGS / "agent.toml").read_text() == before
    assert not Path("/oops").exists()
    assert list(Path("/root").glob("edge-agent.*")) == []


def test_make_deploy_without_a_host_says_what_to_write() -> None:
    done = deploy()
    assert (done.returncode, "make deploy HOST=pi@raspberrypi.local" in done.stdout) == (2, True)


def test_a_host_that_is_not_there_is_one_sentence(archive: Path, sshd: None) -> None:
    done = deploy(HOST="nobody@127.0.0.1", ARCHIVE=archive)
    assert (done.returncode, done.stdout.splitlines()[-1][:44]) == (
        1,
        "error: can't ask nobody@127.0.0.1 what it is",
    )


def test_labels_arrive(broker: Mosquitto) -> None:
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text(f"{DEVICE}/availability", "online")
        subscriber.wait_for_text(f"{DEVICE}/test/label", "red")


def test_a_second_run_changes_nothing_and_says_so(unpacked_archive: Path) -> None:
    process = property_of(AGENT, "MainPID")
    assert install(unpacked_archive, "--model", GOLDEN).splitlines()[-1].startswith("nothing changed")
    assert property_of(AGENT, "MainPID") == process


def test_the_models_are_root_s_and_the_settings_nobody_else_s(archive: Path) -> None:
    link = STATE / "models" / "current"
    assert re.fullmatch(r"colours-1-[0-9a-f]{8}\.tflite", str(link.readlink()))
    modes = {
        path: oct(path.stat().st_mode)[-3:] for path in (STATE, link.parent, link, SETTINGS / "agent.toml")
    }
    assert list(modes.values()) == ["750", "755", "644", "640"]
    assert (link.owner(), link.parent.owner(), STATE.owner()) == ("root", "root", "edge-agent")


@pytest.mark.parametrize("unit", [AGENT, FRONT])
def test_the_unit_exposes_little(archive: Path, unit: str) -> None:
    said = run("systemd-analyze", "security", "--no-pager", unit).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert exposure
    print(exposure[0])
    assert float(exposure[1]) <= 2.0


def test_one_process_for_each_camera(archive: Path, broker: Mosquitto, guarded_broker: Mosquitto) -> None:
    plain = (SETTINGS / "agent.toml").read_text()
    settings_for("front", plain.replace(broker.url, guarded_broker.url))
    settings_for("yard", plain.replace("test://", "/dev/video99"))
    run("install", "-m", "600", "/dev/null", SETTINGS / "broker-password")
    (SETTINGS / "broker-password").write_text("hush\n")
    started = run("systemctl", "enable", "--now", FRONT, YARD)
    assert started.returncode == 0, started.stdout + journal(FRONT) + journal(YARD)
    with Subscriber(guarded_broker.port, user="front", password="hush") as subscriber:
        subscriber.wait_for_text(f"{DEVICE}-front/test/label", "red")
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text(f"{DEVICE}-yard/availability", "online")
        subscriber.wait_for_text(f"{DEVICE}/availability", "online")
    assert (STATE / "cameras" / "front" / f"outbox-{DEVICE}-front.sqlite").exists()


def test_a_camera_that_is_missing_never_ends_in_failed(archive: Path) -> None:
    assert is_active(YARD)
    assert property_of(YARD, "NRestarts") == "0"
    assert property_of(YARD, "StartLimitIntervalUSec") == "0"


def test_a_wrong_configuration_is_not_tried_again(archive: Path) -> None:
    settings_for("wrong", "framse = 3\n")
    assert run("systemctl", "start", "edge-agent@wrong").returncode != 0
    assert property_of("edge-agent@wrong", "ActiveState") == "failed"
    assert property_of("edge-agent@wrong", "ExecMainStatus") == "78"
    assert "framse: unknown key" in journal("edge-agent@wrong")


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (broken_wheel, "error: can't install the packages: "),
        (broken_unit, "error: the new agent does not start"),
    ],
)
def test_a_failed_update_leaves_the_old_agent_running(
    unpacked_archive: Path, place: Path, broker: Mosquitto, spoilt: Callable[[Path, Path], Path], said: str
) -> None:
    before = environment_in_use()
    unit = Path("/etc/systemd/system", AGENT).read_text()
    done = run(spoilt(unpacked_archive, place) / "install.sh")
    assert (done.returncode, said in done.stdout.splitlines()[-1]) == (1, True), done.stdout
    assert environment_in_use() == before
    assert list(LINK.parent.glob("edge-agent-*")) == [before]
    assert Path("/etc/systemd/system", AGENT).read_text() == unit
    assert all(map(is_active, (AGENT, FRONT, YARD)))
    with Subscriber(broker.port) as subscriber:
        subscriber.wait_for_text(f"{DEVICE}/availability", "online")


def test_a_broken_model_is_not_taken(unpacked_archive: Path) -> None:
    current = (STATE / "models" / "current").readlink()
    process = property_of(AGENT, "MainPID")
    done = run(unpacked_archive / "install.sh", "--model", unpacked_archive / "README.md")
    assert done.returncode == 78
    assert done.stdout.splitlines()[-1].startswith("error: can't use the model ")
    assert (STATE / "models" / "current").readlink() == current
    assert property_of(AGENT, "MainPID") == process


def test_an_update_replaces_every_agent(unpacked_archive: Path, place: Path) -> None:
    before = environment_in_use()
    newer = copied(unpacked_archive, place / "newer")
    add_to_wheel(newer, "edge/__init__.py", "\n# newer\n")
    said = install(newer)
    assert f"started {AGENT} {FRONT} {YARD}" in said
    assert environment_in_use() != before
    assert not before.exists()
    for unit in (AGENT, FRONT, YARD):
        process = property_of(unit, "MainPID")
        assert is_active(unit)
        assert str(environment_in_use()) in Path(f"/proc/{process}/cmdline").read_text()


def test_uninstalling_keeps_what_is_the_user_s(archive: Path) -> None:
    kept = [SETTINGS / "agent.toml", SETTINGS / "front.toml", STATE / "models" / "current"]
    kept.append(STATE / f"outbox-{DEVICE}.sqlite")
    done = run(LINK / "deploy" / "install.sh", "--uninstall")
    assert done.returncode == 0, done.stdout
    assert all(path.exists() for path in kept)
    assert list(LINK.parent.glob("edge-agent*")) == []
    assert run("systemctl", "list-unit-files", "--no-legend", "edge-agent*").stdout == ""
    assert [unit for unit in (AGENT, FRONT, YARD) if is_active(unit)] == []
    assert run("id", "edge-agent").returncode == 0


def test_purging_removes_all(unpacked_archive: Path) -> None:
    install(unpacked_archive, "--purge")
    assert [path for path in (SETTINGS, STATE, LINK) if path.exists()] == []
    assert run("id", "edge-agent").returncode != 0
    assert run("systemctl", "list-units", "--no-legend", "edge-agent*").stdout == ""  # nor a failed one
