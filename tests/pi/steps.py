"""A device's life in steps: each orders something, waits for what must come, and says what came."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.listener import faults_of
from tests.guest.camera import plug_in, unplug
from tests.pi.device import UNIT, Device
from tests.pi.payload import DAMAGED, MODELS, ON_DEVICE, PACKAGE

AGENT = "/usr/bin/edge-agent"
# No package of this machine counts as installed, as no script of theirs has run; all that it needs is there.
INSTALL = f"DEBIAN_FRONTEND=noninteractive dpkg --install --force-depends --force-confold {PACKAGE}"
CURRENT = "/var/lib/edge-agent/models/current"
WATCH_S = 60  # as `make push-model` does
MOST_EXPOSURE = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """do: what was seen, in words, or pytest.fail. needed: nothing goes without it."""

    name: str
    do: Callable[[Device], str]
    within_s: float = 900.0
    needed: bool = False


def _boot(device: Device) -> str:
    device.boot()
    # No package's script has run when the image was built; runuser needs what this one writes.
    device.do("DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force")
    return device.do("echo Debian $(cat /etc/debian_version), $(uname -m), $(python3 -V)")


def _install(device: Device) -> str:
    device.do("ip link set eth0 down; systemctl enable --now mosquitto")
    device.do("cp /payload/subscriber.service /etc/systemd/system; systemctl enable --now subscriber")
    device.do(f"install -D -t /etc/systemd/system/{UNIT}.service.d /payload/patience.conf")
    device.do(INSTALL)
    options = f"'' {MODELS}/colours.tflite 0 mqtt://localhost"
    return f"no network; {_last(device.do(f'bash {ON_DEVICE} {options}'))}"


def _install_again(device: Device) -> str:
    settings = device.do("cat /etc/edge-agent/agent.toml")
    device.do(INSTALL)
    device.wait_until(f"systemctl is-active --quiet {UNIT}")
    _expect(settings == device.do("cat /etc/edge-agent/agent.toml"), "agent.toml is another")
    return f"agent.toml stays, {device.see_another()}"


def _active(device: Device) -> str:
    kind, state, sub = (device.systemd(name) for name in ("Type", "ActiveState", "SubState"))
    _expect((kind, state, sub) == ("notify", "active", "running"), f"{kind}, {state}, {sub}")
    return f"{kind}, {state}; says: {device.systemd('StatusText')}"


def _labels(device: Device) -> str:
    return ", ".join(device.see_another() for _ in range(3))


def _exposure(device: Device) -> str:
    said = device.do(f"systemd-analyze security --no-pager {UNIT}")
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    _expect(found is not None and float(found[1]) <= MOST_EXPOSURE, said[-200:])
    return found[0] if found else ""


def _self_tests(device: Device) -> str:
    models = device.do(f"cd {MODELS}; ls | grep -v {DAMAGED}").splitlines()
    seen = []
    for model in models:
        path = shlex.quote(f"{MODELS}/{model}")
        said = device.do(f"{AGENT} check --model {path} --camera test:// --broker mqtt://localhost")
        found = re.search(r"^ok +self-test: .* off by at most ([0-9.]+)$", said, re.MULTILINE)
        _expect(found is not None, f"{model}: {said}")
        seen.append(f"{model.removesuffix('.tflite')} ±{found[1] if found else ''}")
    return f"same decisions, scores {', '.join(seen)}"


def _killed(device: Device) -> str:
    return _restarted_after(device, "SIGKILL")


def _hung(device: Device) -> str:
    seen = _restarted_after(device, "SIGSTOP")
    device.do(f"journalctl --boot --unit={UNIT} | grep -q 'Watchdog timeout'")
    return f"watchdog; {seen}"


def _restarted_after(device: Device, signal: str) -> str:
    before = int(device.systemd("NRestarts"))
    device.do(f"systemctl kill --kill-who=main --signal={signal} {UNIT}")
    device.wait_until(f'[ "$(systemctl show --value --property=NRestarts {UNIT})" -gt {before} ]')
    device.wait_until(f"systemctl is-active --quiet {UNIT}")
    return f"restarted, {device.see_another()}"


def _camera_away(device: Device) -> str:
    process = device.systemd("MainPID")
    device.do(unplug(0))
    gone = device.wait_for_label("unknown")
    device.do(plug_in(0))
    seen = f"{gone}, then {device.see_another()}"
    _expect(process == device.systemd("MainPID"), "the agent was started anew")
    return seen


def _broker_away(device: Device) -> str:
    process = device.systemd("MainPID")
    device.do("systemctl stop mosquitto")
    colour = device.show_another()
    device.do("systemctl start mosquitto")
    seen = device.wait_for_label(colour)
    _expect(process == device.systemd("MainPID"), "the agent was started anew")
    return seen


def _push(device: Device) -> str:
    said = device.do(f"{AGENT} models add {MODELS}/familiar.tflite --watch {WATCH_S}")
    _expect("familiar" in device.do(f"readlink {CURRENT}"), said)
    return f"{_last(said)}; {device.see_another()}"


def _push_damaged(device: Device) -> str:
    process = device.systemd("MainPID")
    said = _refused(device, DAMAGED, 78)
    _expect(process == device.systemd("MainPID"), "the agent was started anew")
    return said


def _push_slow(device: Device) -> str:
    said = _refused(device, "slow", 1)
    _expect("taken back" in said and device.systemd("ActiveState") == "active", said)
    return f"{said}; {device.see_another()}"


def _refused(device: Device, name: str, status: int) -> str:
    before = device.do(f"readlink {CURRENT}")
    said, found = device.ask(f"{AGENT} models add {MODELS}/{name}.tflite --watch {WATCH_S}")
    _expect(found == status and said.startswith("error: "), f"status {found}: {said}")
    _expect(before == device.do(f"readlink {CURRENT}"), "another model is current")
    return f"status {found}, {_last(said)}"


def _roll_back(device: Device) -> str:
    said = device.do(f"{AGENT} models rollback --watch {WATCH_S}")
    _expect("colours" in device.do(f"readlink {CURRENT}"), said)
    return f"{_last(said)}; {device.see_another()}"


def _reboot(device: Device) -> str:
    device.reboot()
    device.wait_until(f"systemctl is-active --quiet {UNIT}")
    return device.see_another()


def _events(device: Device) -> str:
    device.do("sync")
    events = [json.loads(line) for line in device.do("cat /root/events").splitlines()]
    trouble = faults_of(events)
    _expect(
        bool(events) and events[0]["sequence"] == 1 and not trouble,
        "; ".join(trouble) or "the first is missing",
    )
    return f"{len(events)} received, numbered 1 to {events[-1]['sequence']} without a gap"


def _remove(device: Device) -> str:
    device.do("dpkg --remove edge-agent")
    device.do(f"! systemctl is-active {UNIT} && ! ls -d /usr/lib/edge-agent")
    device.do(f"ls {CURRENT} /etc/edge-agent/agent.toml")
    return "configuration and models stay"


def _purge(device: Device) -> str:
    device.do("dpkg --purge edge-agent")
    device.do("! ls -d /etc/edge-agent && ! ls -d /var/lib/edge-agent")
    return "nothing stays"


def _expect(holds: bool, said: str) -> None:
    if not holds:
        pytest.fail(" ".join(said.split()))


def _last(said: str) -> str:
    return said.splitlines()[-1]


STEPS = (
    Step("boot", _boot, needed=True),
    Step("package and on-device.sh", _install, 3600, needed=True),
    Step("package again", _install_again, 1800),
    Step("unit active and notified", _active),
    Step("labels of camera 0 on Mosquitto", _labels),
    Step("exposure", _exposure),
    Step("self-tests", _self_tests),
    Step("agent killed", _killed),
    Step("agent hangs (SIGSTOP)", _hung),
    Step("camera's module removed and loaded", _camera_away),
    Step("broker stopped and started", _broker_away),
    Step("model push", _push),
    Step("push of a damaged model", _push_damaged),
    Step("push of a model that is too slow", _push_slow, 1500),
    Step("models rollback", _roll_back),
    Step("reboot", _reboot),
    Step("every event arrived", _events),
    Step("removal", _remove),
    Step("purge", _purge),
)
