"""A real Mosquitto on a free loopback port, which can be stopped and started again on that port."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.support.brokers.certificates import Certificates
from tests.support.tools import PATIENCE_S, accepts, free_port, need_program, wait_until


class Mosquitto:
    """Runs while the context lasts. With `user`, nobody else gets in; a `lasting` one keeps its sessions.

    With `tls`, it speaks nothing else; `options` are lines for its configuration.
    """

    def __init__(
        self,
        folder: Path,
        *,
        user: str | None = None,
        password: str = "",
        lasting: bool = False,
        tls: Certificates | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._program = need_program("mosquitto")
        self.port = free_port()
        self.url = f"mqtt{'s' if tls else ''}://{user + '@' if user else ''}127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {'false' if user else 'true'}"]
        if os.geteuid() == 0:
            lines.append("user root")
        if user:
            passwords = folder / "passwords"
            command = [need_program("mosquitto_passwd"), "-b", "-c", str(passwords), user, password]
            subprocess.run(command, check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        if tls:
            lines += [f"certfile {tls.certificate}", f"keyfile {tls.key}"]
        lines += options
        if lasting:
            lines += ["persistence true", f"persistence_location {folder}/"]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._log_file = folder / "mosquitto.log"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log_file.read_text(errors="replace")

    def start(self) -> None:
        """Listen."""
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        wait_until(lambda: accepts(self.port), "mosquitto")

    def stop(self) -> None:
        """Close all connections and leave the port."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End without a word to anybody."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE_S)
            self._process = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()
