"""The systemd service: is it installed, does it run, and what did it last die of?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.commands.doctor.finding import Finding, failure, warning
from edge.commands.doctor.system.programs import answer, properties
from edge.commands.doctor.system.user import as_root, run_as, user_name

NAME = "edge-agent.service"
ASKED = "Id,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NRestarts,User,StateDirectory"
STATE = Path("/var/lib")
CODES = {
    "1": "a failure while it ran",
    "2": "a wrong command line",
    "69": "a camera or a broker that must be there is not",
    "78": "a wrong configuration or model",
}
TROUBLE = re.compile(r"\berror\b|watchdog|killed|traceback|failed", re.IGNORECASE)
CONSEQUENCE = re.compile(r"Failed with result|Failed to start|Failed to kill control group")
# Lines of the journal: more than several starts of the agent write.
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Service:
    """What systemd says of one unit, and the last line of its journal that tells of trouble."""

    said: Mapping[str, str]
    last_trouble: str = ""

    @property
    def name(self) -> str:
        """`edge-agent`, or `edge-agent@front` of a template."""
        return self.said.get("Id", NAME).removesuffix(".service")

    @property
    def user(self) -> str:
        """As whom it runs."""
        return self.said.get("User", "") or "root"

    @property
    def state_folder(self) -> Path | None:
        """Where it keeps what must survive a restart."""
        name = self.said.get("StateDirectory", "").split(" ")[0]
        return STATE / name if name else None


def look() -> list[Service]:
    """The plain unit unless it is unused, and those for one camera each; none where there is no systemd."""
    listed = (
        answer("systemctl", ["list-units", "--all", "--plain", "--no-legend", "edge-agent@*.service"]) or ""
    )
    names = [NAME, *(line.split()[0] for line in listed.splitlines() if line.strip())]
    services = []
    for name in names:
        said = properties(answer("systemctl", ["show", name, "--property", ASKED]) or "")
        unused = said.get("ActiveState") == "inactive" and said.get("UnitFileState") == "disabled"
        if said.get("LoadState") == "loaded" and not (unused and len(names) > 1):
            services.append(Service(said, _last_trouble(name)))
    return services


def judge(service: Service) -> Finding:
    """Running, stopped, switched off, failed, or failing again and again."""
    part, said = f"service {service.name}", service.said
    state, enabled = said.get("ActiveState"), said.get("UnitFileState", "").startswith("enabled")
    trouble = f"; its journal: {service.last_trouble}" if service.last_trouble else ""
    log = f"journalctl -u {service.name} -n 50"
    if state == "failed" or said.get("SubState") == "auto-restart":
        repeated = ", and is started again and again" if state != "failed" else ""
        return failure(part, f"it ended with {_ending(said)}{repeated}{trouble}", as_root(log))
    if state == "activating":
        return warning(part, f"it is starting{trouble}", as_root(log))
    if state != "active":
        what = "stopped" if enabled else "stopped, and not started at boot"
        verb = "start" if enabled else "enable --now"
        return warning(part, f"{what}{trouble}", as_root(f"systemctl {verb} {service.name}"))
    restarts = int(said.get("NRestarts") or 0)
    if restarts:
        times = "once" if restarts == 1 else f"{restarts} times"
        return warning(part, f"it runs, restarted {times} after a failure{trouble}", as_root(log))
    if not enabled:
        return warning(
            part, "it runs, but is not started at boot", as_root(f"systemctl enable {service.name}")
        )
    return Finding(part, f"it runs as {service.user}, and is started at boot")


def judge_user(services: list[Service]) -> list[Finding]:
    """A word of caution where the service is another user than the one who is looking."""
    others = {service.user for service in services} - {user_name()}
    if not others:
        return []
    other = min(others)
    detail = f"{user_name()}, but the service is {other}, who may be denied what {user_name()} may do"
    return [warning("user", detail, run_as(other))]


def _ending(said: Mapping[str, str]) -> str:
    if said.get("Result") == "watchdog":
        return "the watchdog: it made no progress"
    code = said.get("ExecMainStatus", "")
    meaning = CODES.get(code, said.get("Result", ""))
    return f"code {code} ({meaning})" if meaning else f"code {code}"


def _last_trouble(name: str) -> str:
    lines = answer("journalctl", ["-u", name, "-n", str(LOOKED_AT), "-o", "cat", "--no-pager", "-q"]) or ""
    causes = [line for line in lines.splitlines() if TROUBLE.search(line) and not CONSEQUENCE.search(line)]
    return causes[-1].strip() if causes else ""
