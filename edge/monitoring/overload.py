"""Says when a machine can't classify all that its live cameras deliver, and when it can again."""

from __future__ import annotations

# A tenth is more than jitter drops, so it means that the machine is too slow.
MAX_REPLACED_SHARE = 0.1
# A share of fewer frames says little.
MIN_FRAMES = 10


class OverloadDetector:
    """Compares, from one check to the next, how many frames newer ones replaced before their turn came."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[int, int]] = {}
        self._behind: set[str] = set()

    def check(self, camera: str, frames_in: int, replaced: int) -> str | None:
        """What to say, given both counts since the start; None where nothing has changed."""
        frames_before, replaced_before = self._before.get(camera, (0, 0))
        self._before[camera] = (frames_in, replaced)
        frames = frames_in - frames_before
        share = (replaced - replaced_before) / max(frames, 1)
        behind = frames >= MIN_FRAMES and share > MAX_REPLACED_SHARE
        if behind == (camera in self._behind):
            return None
        self._behind ^= {camera}
        if not behind:
            return f"camera {camera}: the machine keeps up again"
        return (
            f"camera {camera}: the machine can't keep up: {share:.0%} of its frames are dropped, always "
            "the older ones (--fps, a smaller model or fewer cameras help)"
        )
