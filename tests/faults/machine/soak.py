"""Nothing but time: three cameras for minutes; memory, threads and descriptors stay as they were."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.conftest import GOLDEN
from tests.faults.outcome import Fault, Outcome
from tests.support.agents.command_line import EdgeAgent
from tests.support.agents.process_figures import Figures, figures
from tests.support.brokers.mosquitto import Mosquitto
from tests.support.brokers.subscriber import Subscriber
from tests.support.cameras.mjpeg import mjpeg_recording
from tests.support.cameras.videos import write_video
from tests.support.tools import free_port, wait_until

TRACK = [(label, 30) for label in ("red", "green", "blue")]
BOUND_MB, SHORT_BOUND_MB = 1.0, 4.0  # in a short run the pools of C libraries are still filling
LONG_MINUTES = 10
PASSING = (
    1  # a thread that looks for a lost camera may be there at every second look; a leak is one an outage
)


def run(folder: Path, tries: int) -> Outcome:
    """For `tries` minutes, the first quarter (two minutes at most) of which is warm-up."""
    span_s = 60.0 * tries
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        subscriber = stack.enter_context(Subscriber(broker.port, "edge/+/+/event"))
        telling = stack.enter_context(Subscriber(broker.port, "edge/+/stats"))
        cameras = stack.enter_context(_cameras(folder))
        options = [part for camera in cameras for part in ("--camera", camera)]
        metrics = free_port()
        options += ["--metrics", str(metrics), "--scores"]
        (folder / "agent.toml").write_text("stats_interval = 1\n")
        command = ("--model", GOLDEN, "--broker", broker.url, "--device-id", "soak", *options)
        agent = stack.enter_context(EdgeAgent(folder, *command))
        wait_until(lambda: telling.messages, "the first stats")
        looks = _watched(agent, span_s, metrics)
        frames = {
            name: camera["classified"] for name, camera in telling.messages[-1].record["cameras"].items()
        }
        early = agent.process.poll()
        status = agent.stop() if early is None else early
        wait_until(lambda: len(subscriber.events()) >= sum(_last(subscriber).values()), "the last events")
    sent, received = sum(_last(subscriber).values()), len(subscriber.events())
    trouble = [*_leaks(looks, BOUND_MB if tries >= LONG_MINUTES else SHORT_BOUND_MB)]
    trouble += [f"camera {name} was never classified" for name, count in frames.items() if not count]
    trouble += [f"the agent ended with {status}"] if status or early is not None else []
    note = f"{tries} min, {sum(frames.values()):,} frames; {_told(looks)}"
    return Outcome("soak", tries, sent, received, sent - received, trouble=tuple(trouble), note=note)


@contextlib.contextmanager
def _cameras(folder: Path) -> Iterator[tuple[str, ...]]:
    """Two test cameras, and a recording in a loop over HTTP where there is ffmpeg."""
    made = ("one=test://?size=320x240&fps=200", "two=test://?size=640x480&fps=60&frames=2000&gone=1")
    if shutil.which("ffmpeg") is None:
        yield (*made, "three=test://?size=160x120&fps=30")
        return
    with mjpeg_recording(write_video(folder / "loop.mp4", TRACK)) as address:
        yield (*made, f"three={address}")


def _watched(agent: EdgeAgent, span_s: float, metrics: int) -> list[Figures]:
    """A scrape and a look a second, without the warm-up."""
    looks: list[Figures] = []
    started_s = time.monotonic()
    while (now_s := time.monotonic()) - started_s < span_s:
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.process.wait(1)
            break
        urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=20).close()
        if now_s - started_s > min(span_s / 4, 120.0):
            looks.append(figures(agent.process.pid))
    return looks


def _leaks(looks: Sequence[Figures], bound_mb: float) -> Iterator[str]:
    if len(looks) < 6:
        yield f"only {len(looks)} looks could be taken"
        return
    first, last = _thirds(looks)
    if last.memory_mb - first.memory_mb > bound_mb:
        yield f"memory grew from {first.memory_mb:.1f} to {last.memory_mb:.1f} MB"
    if last.threads > first.threads + PASSING:
        yield f"threads grew from {first.threads} to {last.threads}"
    if last.descriptors > first.descriptors + PASSING:
        yield f"open descriptors grew from {first.descriptors} to {last.descriptors}"


def _told(looks: Sequence[Figures]) -> str:
    if len(looks) < 6:
        return "no figures"
    first, last = _thirds(looks)
    growth = f"{first.memory_mb:.2f} → {last.memory_mb:.2f} MB"
    return f"{growth}, {first.threads} → {last.threads} threads, {first.descriptors} → {last.descriptors} fds"


def _thirds(looks: Sequence[Figures]) -> tuple[Figures, Figures]:
    """The medians of the first third and of the last."""
    third = len(looks) // 3
    return _median(looks[:third]), _median(looks[-third:])


def _median(looks: Sequence[Figures]) -> Figures:
    return Figures(
        statistics.median(look.memory_mb for look in looks),
        statistics.median_low([look.threads for look in looks]),
        statistics.median_low([look.descriptors for look in looks]),
    )


def _last(subscriber: Subscriber) -> dict[str, int]:
    """The number of each camera's last event, as far as it came."""
    return {event["camera"]: event["sequence"] for event in subscriber.events()}


FAULT = Fault("soak", run, tries=30, short_tries=1)
