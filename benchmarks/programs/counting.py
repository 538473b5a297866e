"""A subscriber that costs next to nothing and ends after so many messages: mosquitto_sub."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from types import TracebackType

from tests.support.brokers.mosquitto import Mosquitto

_numbers = itertools.count()


class Arrivals:
    """Subscribed while the context lasts; ends by itself after `count` messages."""

    def __init__(self, broker: Mosquitto, topic: str, count: int) -> None:
        self._broker, self._topic, self._count = broker, topic, count

    @staticmethod
    def can_be_counted() -> bool:
        """Whether the program is there."""
        return shutil.which("mosquitto_sub") is not None

    def wait(self, timeout_s: float) -> None:
        """Until the last has come; raises subprocess.TimeoutExpired."""
        self._process.wait(timeout_s)

    def __enter__(self) -> Arrivals:
        mark = f"mark/{next(_numbers)}"  # retained: it comes as soon as the subscription stands
        port = str(self._broker.port)
        subprocess.run(["mosquitto_pub", "-p", port, "-q", "1", "-r", "-t", mark, "-m", "x"], check=True)
        command = ["mosquitto_sub", "-p", port, "-q", "1", "-N", "-F", "x", "-C"]
        command += [str(self._count + 1), "-t", self._topic, "-t", mark]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        if self._process.stdout is not None:
            self._process.stdout.read(1)  # the others fit into the pipe
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
