"""Processor time of the agent for each picture that a live camera sends, where it classifies few of them.

Cameras of full high definition at 30 a second, five of which are classified: JPEGs over HTTP, a stand-in for
`rpicam-vid`, H.264 over RTSP. At the same time: the agent decoding every picture, the agent as it is, and a
process that only takes the pictures over.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison import Comparison, Effort, Findings, Part
from benchmarks.programs.live_agents import Usage, watch
from benchmarks.subjects.live_cameras import FPS, Camera, csi_camera, ffmpeg, http_camera, rtsp_clip
from tests.support.cameras.rtsp_server import has_rtsp_server

MODEL = Path(__file__).parents[2] / "tests" / "golden" / "colours.tflite"
CLASSIFIED_FPS, SIZE = 5, "1920x1080"
SETTLE_S, MEASURED_S = 1.0, 4.0


def run(work: Path, effort: Effort) -> Findings:
    """Each camera; none has a goal."""
    cameras = _cameras(work / "unclassified")
    comparisons: list[Comparison] = []
    for name, camera in cameras.items():
        comparisons += _compare(name, [_round(camera, effort) for _ in range(effort.rounds)])
    remarks = () if "H.264 over RTSP" in cameras else ("RTSP was left out: GStreamer's server is not there.",)
    return Findings(tuple(comparisons), remarks=remarks)


def _round(camera: Camera, effort: Effort) -> list[Usage]:
    options = ["--model", str(MODEL), "--fps", str(CLASSIFIED_FPS), "--stdout"]
    agents = [["-m", module, *options] for module in ("benchmarks.bare.every_picture", "edge")]
    return watch(camera, agents, "grab", settle_s=SETTLE_S, seconds=min(MEASURED_S, effort.seconds))


def _compare(name: str, rounds: list[list[Usage]]) -> list[Comparison]:
    every, ours, taken = (tuple(usage.cpu_ms for usage in column) for column in zip(*rounds, strict=True))
    return [
        Comparison(name, ours, against, theirs, "CPU ms a picture", better="low")
        for against, theirs in (("every picture decoded", every), ("only taken over", taken))
    ]


def _cameras(folder: Path) -> dict[str, Camera]:
    folder.mkdir(parents=True, exist_ok=True)
    avi, jpegs, h264 = folder / "clip.avi", folder / "clip.mjpeg", folder / "once.mp4"
    if not h264.is_file():
        _make_clips(avi, jpegs, h264)
    cameras = {"MJPEG over HTTP": http_camera(avi), "rpicam-vid": csi_camera(jpegs, SIZE)}
    return cameras | ({"H.264 over RTSP": rtsp_clip(h264, folder / "clip.mp4")} if has_rtsp_server() else {})


def _make_clips(avi: Path, jpegs: Path, h264: Path) -> None:
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={SIZE}:rate={FPS},noise=alls=8:allf=t", "-t", "1"]
    ffmpeg(*picture, "-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p", str(avi))
    ffmpeg("-i", str(avi), "-c", "copy", "-f", "mjpeg", str(jpegs))
    ffmpeg(
        *picture, "-c:v", "libx264", "-preset", "superfast", "-b:v", "8M", "-bf", "0", "-g", "30", str(h264)
    )


PART = Part("unclassified", "Pictures that are not classified", run, quick=False)
