"""What limits the rate, and what may help: pure functions of the figures."""

from __future__ import annotations

from edge.commands.bench.figures import AgentRun, Limit, Stage, StageTiming

# An agent keeps up if it classifies this share of the frames: a few may be missed by chance.
KEEPS_UP = 0.95
# Where the stages could do this many times the camera's rate, other programs cause what is missed.
SPARE = 1.5
# Decoding limits the rate where it fills this share of the time between two pictures.
BUSY = 0.9
WORDS: dict[Stage, str] = {
    "capture": "decoding",
    "sight": "looking for dark, covered and frozen pictures",
    "preprocess": "preparing the pictures",
    "inference": "inference",
    "publish": "deciding and handing over",
}
ADVICE: dict[Stage, str] = {
    "capture": "smaller pictures or fewer a second from the camera (a network camera's second stream)",
    "sight": "smaller pictures from the camera, or [frame_quality] enabled = false",
    "preprocess": "smaller pictures from the camera, or only a part of them: --crop",
    "inference": "--tune, or a model with a smaller input or backbone (edge-train … --size 160)",
    "publish": "a smaller [decision] window",
}


def find_limit(timing: StageTiming, agent: AgentRun, *, cores: int, wanted_fps: float | None = None) -> Limit:
    """What the agent's rate is limited by; wanted_fps: the setting `fps`, for live cameras."""
    rate = agent.camera_fps
    if rate is not None and wanted_fps is not None and agent.fps >= KEEPS_UP * wanted_fps:
        text = f"the setting fps = {wanted_fps:g}"
        return Limit("setting", text, "leave it out of the configuration to classify more")
    if rate is not None and agent.fps >= KEEPS_UP * rate:
        capture_ms = timing.p50_ms("capture")
        if capture_ms * rate >= BUSY * 1e3:
            return _make_stage_limit("capture", capture_ms)
        return _make_camera_limit(timing, rate, cores=cores)
    if rate is not None and possible_fps(timing, live=True, cores=cores) >= SPARE * rate:
        rates = f"{_format_fps(agent.fps)} of the camera's {_format_fps(rate)} frames/s"
        text = f"other work on this machine ({rates})"
        return Limit("machine", text, "end other programs, or measure again")
    stage = find_slowest(timing, live=rate is not None, cores=cores)
    return _make_stage_limit(stage, timing.p50_ms(stage))


def find_slowest(timing: StageTiming, *, live: bool, cores: int) -> Stage:
    """The largest stage of the thread that has most to do; on one core the largest of all."""
    lanes = _lanes(live=live, cores=cores)
    lane = max(lanes, key=lambda stages: timing.p50_ms(*stages))
    return max(lane, key=timing.p50_ms)


def possible_fps(timing: StageTiming, *, live: bool, cores: int) -> float:
    """Frames a second that the machine could judge, going by the thread that has most to do."""
    busy_ms = max(timing.p50_ms(*lane) for lane in _lanes(live=live, cores=cores))
    return 1e3 / busy_ms if busy_ms else float("inf")


def _lanes(*, live: bool, cores: int) -> tuple[tuple[Stage, ...], ...]:
    """Which stages share a thread: a recording is prepared where it is read, a live frame in the loop."""
    if cores == 1:
        return (("capture", "sight", "preprocess", "inference", "publish"),)
    if live:
        return ("capture", "sight"), ("preprocess", "inference", "publish")
    return ("capture", "sight", "preprocess"), ("inference", "publish")


def _make_camera_limit(timing: StageTiming, rate: float, *, cores: int) -> Limit:
    possible = possible_fps(timing, live=True, cores=cores)
    advice = f"this machine could do {possible:.0f} frames/s: a faster camera, or several, would use it"
    return Limit("camera", f"camera {_format_fps(rate)} fps", advice)


def _make_stage_limit(stage: Stage, took_ms: float) -> Limit:
    fps = 1e3 / took_ms if took_ms else 0.0
    return Limit(
        stage, f"{WORDS[stage]} ({took_ms:.1f} ms, {_format_fps(fps)} frames/s)", f"try {ADVICE[stage]}"
    )


def _format_fps(fps: float) -> str:
    return f"{fps:.0f}" if fps >= 9.95 else f"{fps:.1f}"
