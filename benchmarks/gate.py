"""Processor time of the whole agent on a still scene, with the change gate and classifying every frame.

Both agents watch the same kind of paced live camera at the same time and publish to a real Mosquitto; beside
them a third process does nothing but read and decode. The scene is an empty room with a sensor's noise.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable
from pathlib import Path

from benchmarks import clips, trained_model
from benchmarks.comparison import Comparison, Effort, Findings, Part, Table
from benchmarks.gate_scenes import FPS, H264, MJPEG, Scene, record, room
from benchmarks.live_agents import Usage, watch
from benchmarks.live_cameras import Camera, csi_camera, http_camera, rtsp_clip
from tests.support.mosquitto import Mosquitto
from tests.support.rtsp_server import has_rtsp_server

GOAL = 0.10
AT_REST = 0.1  # the part classified is smaller
SIZE = (768, 432)
CLIP_S, SIGMA = 5, 3.0
SETTLE_S, MEASURED_S = 6.0, 5.0  # the gate must first have learnt the noise
NOTES = {
    "H.264 over RTSP": "OpenCV must decode H.264 to skip it",
    "MJPEG over HTTP": "six pictures a second are still decoded and compared",
    "rpicam-vid": "six pictures a second are still decoded and compared",
}
COLUMNS = ("camera", "reading and decoding all alone", "classified with the gate", "without")


def run(work: Path, effort: Effort) -> Findings:
    """Each camera."""
    if not clips.is_there():
        return Findings(skipped=clips.MISSING)
    if not trained_model.can_be_trained():
        return Findings(skipped=trained_model.MISSING)
    model = trained_model.trained_model(work)
    comparisons, rows = [], []
    with Mosquitto(work / "broker") as broker:
        for name, camera in _cameras(work / "gate").items():
            rounds = [_round(camera, model, broker, effort) for _ in range(effort.rounds)]
            comparisons.append(_compare(name, rounds))
            rows.append(_row(name, rounds))
    return Findings(tuple(comparisons), (Table(COLUMNS, tuple(rows)),))


def _round(camera: Camera, model: Path, broker: Mosquitto, effort: Effort) -> list[Usage]:
    agents = [
        ["-m", "edge", switch, "--model", str(model), "--broker", broker.url]
        for switch in ("--gate", "--no-gate")
    ]
    return watch(camera, agents, "read", settle_s=SETTLE_S, seconds=min(MEASURED_S, effort.seconds))


def _compare(name: str, rounds: list[list[Usage]]) -> Comparison:
    gated, every, _ = (tuple(usage.cpu_ms for usage in column) for column in zip(*rounds, strict=True))
    comparison = Comparison(
        name, gated, "every frame classified", every, "CPU ms a frame", better="low", goal=GOAL
    )
    if comparison.reached:
        return comparison
    classified = statistics.median(usages[0].classified for usages in rounds)
    note = NOTES[name] if classified < AT_REST else f"{classified:.0%} are still classified"
    return dataclasses.replace(comparison, note=note)


def _row(name: str, rounds: list[list[Usage]]) -> tuple[str, ...]:
    gated, every, bare = zip(*rounds, strict=True)
    reading_ms = statistics.median(usage.cpu_ms for usage in bare)
    return (name, f"{reading_ms:.2f} CPU ms a frame", _share(gated), _share(every))


def _share(usages: Iterable[Usage]) -> str:
    return f"{statistics.median(usage.classified for usage in usages):.0%}"


def _cameras(folder: Path) -> dict[str, Camera]:
    folder.mkdir(parents=True, exist_ok=True)
    avi, jpegs = (_still(folder / f"still.{kind}", (*MJPEG, "4")) for kind in ("avi", "mjpeg"))
    cameras = {"MJPEG over HTTP": http_camera(avi), "rpicam-vid": csi_camera(jpegs, "x".join(map(str, SIZE)))}
    if not has_rtsp_server():
        return cameras
    h264 = _still(folder / "once.mp4", (*H264, "23", "-g", "60", "-bf", "0"))
    return cameras | {"H.264 over RTSP": rtsp_clip(h264, folder / "still.mp4")}


def _still(clip: Path, coding: tuple[str, ...]) -> Path:
    if not clip.is_file():
        record(Scene(lambda: iter([room()] * CLIP_S * FPS), SIGMA, coding), clip, size=SIZE)
    return clip


WHY_MISSED = (
    "Why goals are missed. At rest six pictures a second are still taken over, decoded and compared, "
    "and that does not get less where the network is quick: LOG.md has the same scene with a slower one."
)
PART = Part("gate", "The change gate on a still scene", run, quick=False, why=WHY_MISSED)
