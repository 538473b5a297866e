"""What a capture thread has to say of itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

log = logging.getLogger(__name__)

CaptureState = Literal["starting", "delivering", "lost", "ended", "failed"]


@dataclass(slots=True)
class CaptureStatus:
    """What a capture thread has to say; written by it alone, read by others.

    On the monotonic clock, in seconds: received_s, when the last picture came; answered_s, when the source
    last said anything, if only that it has nothing new; alive_s, when the thread last moved.
    """

    state: CaptureState = "starting"
    detail: str = ""
    error: Exception | None = None
    received_s: float | None = None
    answered_s: float | None = None
    alive_s: float = 0.0
    frames_in: int = 0
    replaced: int = 0
    skipped: int = 0
    reconnects: int = 0

    @property
    def finished(self) -> bool:
        """True once no frame can come any more."""
        return self.state in ("ended", "failed")

    def skip(self, count: int, received_s: float) -> None:
        """So many pictures came that were not due, the last one then."""
        if count:
            self.frames_in += count
            self.skipped += count
            self.received_s = received_s

    def enter(self, camera: str, state: CaptureState, detail: str = "") -> None:
        """Be in a state from now on; a change of it is logged."""
        if (state, detail) == (self.state, self.detail):
            return
        level = logging.WARNING if state in ("lost", "failed") else logging.INFO
        self.reconnects += state == "delivering" and self.state == "lost"
        log.log(level, "camera %s: %s%s", camera, state, f" ({detail})" if detail else "")
        self.state, self.detail = state, detail
