"""What counts as unchanged, and that no event is missed by it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.agent.change_gate import ChangeGate, GateRules
from edge.agent.loop import Agent, AgentOptions
from edge.agent.stages import Camera, Stages
from edge.capture.capture import Capture, CaptureOptions
from edge.capture.frame_quality import Sight, glance_of, sampled
from edge.capture.inbox import Inbox
from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import Picture, Reader, opener
from edge.capture.views import View
from edge.decide.decider import Decider, DecisionRules
from edge.infer.classifier import Classifier
from edge.preprocess import Image
from edge.publish.outbox.sequences import Sequences
from edge.records import Limits
from tests.support.photographs import draw
from tests.support.recorder import RecordingSink
from tests.support.tools import wait_until
from tests.support.videos import picture as plain

FPS, WIDTH, HEIGHT = 30, 192, 108


def scene(seed: int = 0) -> Image:
    image = cv2.resize(draw("disc", np.random.default_rng(seed)), (WIDTH, HEIGHT))
    return np.asarray(image, np.uint8)


def noisy(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def watch(gate: ChangeGate, pictures: Iterable[Image], first_s: float = 0.0) -> list[bool]:
    """What the gate says of each, as an agent would use it: what is not unchanged is classified."""
    found = []
    for number, picture in enumerate(pictures):
        glance, time_s = glance_of(sampled(picture)), first_s + number / FPS
        found.append(gate.is_unchanged(glance, time_s) and not gate.is_due(time_s))
        if not found[-1]:
            gate.classified(glance, time_s)
    return found


def watched(sigma: float, seconds: float = 2.0) -> tuple[ChangeGate, np.random.Generator]:
    """A gate that has seen a still scene with a sensor's noise for a while."""
    gate, rng = ChangeGate(), np.random.default_rng(5)
    watch(gate, (noisy(scene(), sigma, rng) for _ in range(round(seconds * FPS))))
    return gate, rng


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 6.0, 10.0])
def test_a_still_scene_is_unchanged_under_a_sensors_noise(sigma: float) -> None:
    gate, rng = watched(sigma)
    found = watch(gate, (noisy(scene(), sigma, rng) for _ in range(2 * FPS)), 3.0)
    assert np.mean(found) > 0.95


def with_thing(share: float, contrast: int) -> Image:
    image, side = scene(), round((share * WIDTH * HEIGHT) ** 0.5)
    image[20 : 20 + side, 30 : 30 + side] ^= np.uint8(contrast)
    return image


def darker(part: slice, levels: int) -> Image:
    image = scene().astype(np.int16)
    image[:, part] -= levels
    return np.clip(image, 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[], Image]] = {
    "another scene": lambda: scene(9),
    "a thing of 3 % of the picture": lambda: with_thing(0.03, 0x40),
    "a thing of 1 %": lambda: with_thing(0.01, 0x40),
    "a thing of 0.3 %": lambda: with_thing(0.003, 0x80),
    "a faint shadow on a third": lambda: darker(slice(0, WIDTH // 3), 8),
    "a little less light": lambda: darker(slice(None), 8),
    "red and blue exchanged": lambda: np.ascontiguousarray(scene()[:, :, ::-1]),
    "moved aside": lambda: np.roll(scene(), 2, axis=1),
}


@pytest.mark.parametrize("sigma", [0.0, 3.0])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_at_once(change: str, sigma: float) -> None:
    gate, rng = watched(sigma)
    assert watch(gate, [noisy(CHANGES[change](), sigma, rng)], 3.0) == [False]


def test_slow_drift_adds_up() -> None:
    gate = ChangeGate()
    base = scene() // 2
    shown = [np.asarray(base + number // 20, np.uint8) for number in range(900)]  # a level in 20 frames
    told = [number for number, same in enumerate(watch(gate, shown)) if not same]
    assert max(np.diff(told)) <= 61  # never more than the limit, 2 levels, behind


def test_a_flash_of_noise_does_not_hide_a_thing_that_comes_with_it() -> None:
    gate, rng = watched(1.0)
    loud = [noisy(scene(), 30.0, rng) for _ in range(10)]
    watch(gate, loud, 3.0)
    assert watch(gate, [noisy(with_thing(0.03, 0x40), 1.0, rng)], 3.4) == [False]


def test_a_thing_is_seen_in_strong_noise() -> None:
    gate, rng = watched(10.0)
    assert watch(gate, [noisy(with_thing(0.03, 0x40), 10.0, rng)], 3.0) == [False]


def test_what_is_unchanged_is_looked_at_again_when_the_refresh_is_due() -> None:
    gate = ChangeGate(GateRules(refresh_s=1.0))
    told = [number for number, same in enumerate(watch(gate, [scene()] * 100)) if not same]
    assert told == [0, 30, 60, 90]
    assert gate.is_still


def test_a_scene_is_still_only_a_while_after_its_last_change() -> None:
    gate = ChangeGate(GateRules(still_after_s=1.0))
    watch(gate, [scene()] * 29)
    assert not gate.is_still
    watch(gate, [scene()] * 3, 29 / FPS)
    assert gate.is_still
    watch(gate, [scene(9)], 2.0)
    assert not gate.is_still


def test_nothing_is_unchanged_before_something_was_classified() -> None:
    gate, glance = ChangeGate(), glance_of(sampled(scene()))
    assert [gate.is_unchanged(glance, number / FPS) for number in range(3)] == [False] * 3
    assert not gate.is_still


def test_a_frame_without_a_glance_and_one_of_another_size_are_changes() -> None:
    gate, _ = watched(0.0)
    assert not gate.is_unchanged(None, 3.0)
    assert watch(gate, [np.zeros((HEIGHT, HEIGHT, 3), np.uint8)] * 2, 3.0) == [False, True]


def test_after_a_clock_that_goes_back_it_is_looked_at_again() -> None:
    gate, _ = watched(0.0)
    assert watch(gate, [scene()] * 2, -1.0) == [False, True]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (5, 400), (97, 2)])
def test_pictures_of_any_size_have_a_glance(size: tuple[int, int]) -> None:
    assert watch(ChangeGate(), [np.full((*size, 3), level, np.uint8) for level in (7, 7, 90)]) == [
        False,
        True,
        False,
    ]


def noisy_video(path: Path, track: list[tuple[str, int]]) -> Path:
    """Still colours one after the other, each under a sensor's noise, without loss."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), FPS, (64, 48))
    assert writer.isOpened()
    rng = np.random.default_rng(1)
    for label, frames in track:
        for _ in range(frames):
            writer.write(noisy(plain(label), 2.0, rng))
    writer.release()
    return path


class Still:
    """A live camera of 50 a second before a still scene; from picture 130 to 230 it is frozen."""

    def __init__(self) -> None:
        self._number, self._rng, self._pause = 0, np.random.default_rng(2), threading.Event()

    def read(self) -> Picture:
        self._pause.wait(0.02)
        self._number += 1
        if not 130 <= self._number < 230:
            self._picture = noisy(plain("red"), 2.0, self._rng)
        return Picture(self._picture.copy())

    def close(self) -> None:
        """Nothing is held open."""


def agent_of(
    open_reader: Callable[[], Reader],
    classifier: Classifier,
    gate: ChangeGate | None,
    stop: threading.Event | None = None,
    *,
    live: bool = False,
) -> tuple[Agent, RecordingSink, Capture]:
    inbox, sink = Inbox(), RecordingSink()
    view = View("cam", sight=Sight(frozen_after_s=1.0), glances=gate is not None)
    capture = Capture("cam", open_reader, inbox, CaptureOptions(live, views=(view,), resting_fps=10))
    camera = Camera(capture, Decider("cam", classifier.labels, DecisionRules(Limits(0.5), 3)), gate)
    stages = Stages([camera], inbox, classifier, [sink], Sequences({}))
    return Agent(stages, AgentOptions(), stop or threading.Event()), sink, capture


def test_an_agent_says_the_same_of_the_same_frames_and_classifies_few(
    tmp_path: Path, classifier: Classifier
) -> None:
    track = [("red", 60), ("blue", 2), ("red", 40), ("green", 60), ("blue", 1), ("red", 30), ("blue", 5)]
    video = noisy_video(tmp_path / "v.mkv", track)
    told, counted = [], []
    for gate in (None, ChangeGate()):
        agent, sink, capture = agent_of(opener(parse_source(str(video))), classifier, gate)
        agent.run()
        told.append([(d.label, d.unknown_reason, d.frame_index) for d, _ in sink.decisions])
        counted.append(agent.health.report({"cam": capture.status})["cameras"]["cam"])
    plainly, gated = told
    assert gated == plainly
    assert len({each[0] for each in gated}) == 4
    frames = sum(count for _, count in track)
    assert (counted[0]["classified"], counted[0]["unchanged"]) == (frames, 0)
    assert counted[1]["classified"] + counted[1]["unchanged"] == frames
    assert counted[1]["classified"] < 60


def test_a_frozen_camera_is_frozen_behind_the_gate_too_and_classified_anew_after_it(
    classifier: Classifier,
) -> None:
    stop = threading.Event()
    agent, sink, capture = agent_of(Still, classifier, ChangeGate(), stop, live=True)
    thread = threading.Thread(target=agent.run)
    thread.start()
    try:
        wait_until(lambda: "frozen" in sink.changes(), "the frozen picture")
        wait_until(lambda: sink.changes()[-1] not in ("frozen", "starting"), "a label again")
    finally:
        stop.set()
        thread.join(60)
    ages = [decision.frame_age_ms for decision, _ in sink.decisions if decision.label]
    assert max(ages) < 2000
    assert sink.changes() == ["starting", "red", "frozen", "starting", "red", "no_frames"]
    counted = agent.health.report({"cam": capture.status})["cameras"]["cam"]
    assert counted["unchanged"] > 10
    assert counted["dropped"] > 10  # it rested
