"""What becomes of an agent under a real systemd when its model changes, on a machine to throw away.

Run as root, inside `nspawn.sh`: python -m tests.e2e.device_scenes. Installs the unit, a broker, sshd and a
`sudo`, and prints one JSON object a scene: how the command ended, and what the device runs then.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.model.model_file import read_model
from edge.monitoring.stats_file import read_stats
from tests.support.agents.command_line import ROOT
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.tools import accepts, need_program, wait_until

GOLDEN = ROOT / "tests" / "golden"
AGENT, UNIT = Path("/usr/bin/edge-agent"), "edge-agent"
CONFIG, MODELS, RUN = (
    Path("/etc/edge-agent/agent.toml"),
    Path("/var/lib/edge-agent/models"),
    Path("/run/edge-agent"),
)
TEMPORARY = Path("/var/tmp/pushed")  # here and, over ssh, there
DROP_INS, SSH_PORT = Path("/etc/systemd/system/edge-agent.service.d"), 2222
# This machine's Python may live in root's home.
HERE = "[Service]\nProtectHome=no\n"
SPOIL = f"[Service]\nExecStartPre=+/bin/sh -c 'truncate -s 9000 {MODELS}/colours-*'\n"
SSH = f"Host device\nHostName 127.0.0.1\nPort {SSH_PORT}\nStrictHostKeyChecking accept-new\nBatchMode yes\n"
WATCH = "15"


def run(*command: object, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout_s)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def configure(url: str, camera: str) -> None:
    lines = [f'model = "{MODELS}/current"', "stats_interval = 1", "[broker]", f'url = "{url}"']
    write(CONFIG, "\n".join([*lines, "[[camera]]", f'source = "{camera}"', 'name = "belt"', ""]))


def install(url: str) -> None:
    run("useradd", "--system", "--groups", "video", "--no-create-home", "edge-agent")
    Path("/root").chmod(0o711)
    write(AGENT, f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m edge "$@"\n', 0o755)
    write(Path("/usr/local/bin/sudo"), '#!/bin/sh\nexec "$@"\n', 0o755)
    debian = ROOT / "deploy" / "debian"
    write(Path("/usr/lib/edge-agent/has-model"), (debian / "has-model").read_text(), 0o755)
    shutil.copy(debian / "edge-agent.service", DROP_INS.with_suffix(""))
    write(DROP_INS / "here.conf", HERE)
    configure(url, "test://?size=64x48&fps=50")
    run("systemctl", "daemon-reload")


@contextlib.contextmanager
def sshd() -> Iterator[None]:
    """Lets this machine's root in, as `device`."""
    home, keys = Path("/root/.ssh"), Path("/etc/throw-away-keys")
    write(home / "config", SSH)
    keys.mkdir()
    for key in (home / "id_ed25519", keys / "host"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    shutil.copy(home / "id_ed25519.pub", home / "authorized_keys")
    Path("/run/sshd").mkdir(exist_ok=True)
    options = [f"ListenAddress=127.0.0.1:{SSH_PORT}", f"HostKey={keys}/host", "StrictModes=no", "UsePAM=no"]
    options += ["Subsystem=sftp internal-sftp", f"SetEnv=TMPDIR={TEMPORARY}"]
    command = [need_program("sshd"), "-D", "-f", "/dev/null", *(word for o in options for word in ("-o", o))]
    process = subprocess.Popen(command)
    wait_until(lambda: accepts(SSH_PORT), "sshd")
    yield
    process.terminate()
    process.wait(10)


def running() -> str | None:
    """The name of the model of which the agent tells figures."""
    record = read_stats(RUN)
    return record["model"]["name"] if record else None


def tell(scene: str, done: subprocess.CompletedProcess[str], began: str = "") -> None:
    wait_until(lambda: running() == read_model(MODELS / "current").name, "figures of the current model", 60)
    listed = [json.loads(line) for line in run(AGENT, "models", "--json").stdout.splitlines()]
    told: dict[str, Any] = {
        "scene": scene,
        "status": done.returncode,
        "stdout": done.stdout,
        "stderr": done.stderr,
        "current": read_model(MODELS / "current").name,
        "stored": [each["name"] for each in listed],
        "restarted": began != pid(),
        "active": run("systemctl", "is-active", UNIT).stdout.strip(),
    }
    print(json.dumps(told), flush=True)


def pid() -> str:
    return run("systemctl", "show", "--property=MainPID", "--value", UNIT).stdout.strip()


def models(scene: str, *arguments: object, watch: str = WATCH) -> None:
    began = pid()
    tell(scene, run(AGENT, "models", *arguments, "--watch", watch), began)


def broken_off() -> None:
    """Ctrl-C in the middle of the watch."""
    began = pid()
    command = [AGENT, "models", "use", "familiar", "--watch", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: running() == "familiar", "the other model to run", 60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    tell("broken off", subprocess.CompletedProcess(command, process.returncode, out, err), began)


def scenes(url: str, cut: Path) -> None:
    """One after the other, each on what the one before left."""
    added = run(AGENT, "models", "add", GOLDEN / "colours.tflite")
    run("systemctl", "start", UNIT)
    tell("first", added)
    models("better", "add", GOLDEN / "familiar.tflite")
    models("back", "rollback")
    models("damaged", "add", cut)
    models("slow", "add", GOLDEN / "slow.tflite", watch="20")
    broken_off()
    configure(url, "/dev/video97")
    models("no camera", "use", "familiar")
    configure(url, "test://?size=64x48&fps=50")
    write(DROP_INS / "spoil.conf", SPOIL)
    run("systemctl", "daemon-reload")
    models("spoilt", "use", "colours")
    (DROP_INS / "spoil.conf").unlink()
    run("systemctl", "daemon-reload")
    good = cut.with_name("model.tflite")  # as training calls it
    shutil.copy(GOLDEN / "colours.tflite", good)
    with sshd():
        for scene, file in (("pushed", good), ("pushed damaged", cut)):
            began = pid()
            settings = ("HOST=device", f"MODEL={file}", f"WATCH={WATCH}")
            tell(scene, run("env", f"TMPDIR={TEMPORARY}", "make", "push-model", *settings), began)
    left = sorted(path.name for path in TEMPORARY.iterdir())
    print(json.dumps({"scene": "left behind", "files": left}), flush=True)


def main() -> None:
    folder = Path("/var/tmp/scenes")
    folder.mkdir()
    TEMPORARY.mkdir()
    cut = folder / "it's cut; 'really'.tflite"
    cut.write_bytes((GOLDEN / "colours.tflite").read_bytes()[:20_000])
    with Mosquitto(folder / "broker") as broker:
        install(broker.url)
        scenes(broker.url, cut)


if __name__ == "__main__":
    main()
