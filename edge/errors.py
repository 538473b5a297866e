"""One error tree. Each error says what failed, why, and what to do; its branch decides the exit code.

Each is the fitting built-in as well, so a caller who knows only Python can still catch it.
"""

from __future__ import annotations


class EdgeError(Exception):
    """A failure to be shown to a person in one sentence: what failed, why, what to do."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", what_to_do: str = "") -> None:
        self.what, self.why, self.what_to_do = what, why, what_to_do
        super().__init__(what, why, what_to_do)

    def __str__(self) -> str:
        reason = f": {self.why}" if self.why else ""
        advice = f"; {self.what_to_do}" if self.what_to_do else ""
        return f"{self.what}{reason}{advice}"


class UsageError(EdgeError, ValueError):
    """The command line asks for something that can't be."""

    exit_code = 2


class UnavailableError(EdgeError, ConnectionError):
    """A camera or a broker is not there now; it may be later, so trying again makes sense."""

    exit_code = 69


class CameraUnavailableError(UnavailableError):
    """A camera, stream or recording can't be opened, or stopped delivering."""


class BrokerUnavailableError(UnavailableError):
    """The broker can't be reached or refuses the login."""


class ConfigError(EdgeError, ValueError):
    """The configuration is invalid; starting again would not help."""

    exit_code = 78


class ModelError(EdgeError, ValueError):
    """The model file is damaged, unsuitable, or disagrees with its labels or its self-test."""

    exit_code = 78


class ImageError(EdgeError, ValueError):
    """A picture can't be read or decoded."""


class ThreadStuckError(EdgeError, RuntimeError):
    """A thread did not stop in time when it was asked to."""


class ListenError(EdgeError, OSError):
    """An address that the agent should listen on is taken, or not this machine's."""


class RecordingError(EdgeError, OSError):
    """A recording can't be read; unlike a camera it will not come back by itself."""


class StorageError(EdgeError, OSError):
    """Photographs, settings or models can't be stored: no room, no permission, or no folder."""


class UpdateError(EdgeError, RuntimeError):
    """The agent can't be restarted, or is worse with another model, which was taken back then."""
