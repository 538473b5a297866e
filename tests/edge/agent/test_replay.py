"""A recorded session gives the events that the live camera gave."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from edge.capture.capture import CaptureOptions
from edge.capture.frame_quality import QualityCheck
from edge.capture.inbox import Inbox
from edge.capture.shared_capture import make_capture
from edge.capture.sources.address import parse_source
from edge.capture.sources.registry import Picture, Reader, make_opener
from edge.capture.views import View
from edge.decide.decider import DecisionRules
from edge.infer.classifier import Classifier
from edge.preprocess import Image, prepare
from edge.records import Limits
from edge.region import Region, parse_crop
from tests.support.agents.loop import Loop, build_loop
from tests.support.agents.recorder import RecordingSink
from tests.support.tools import wait_until

FPS = 40
# Coloured bars wander through the region, a second each: black, blue, green, white, red, and a frozen one.
SESSION = f"test://?size=1280x64&fps={FPS}&white=120,160&freeze=200,280&frames=300"
REGION = Region(parse_crop("0,0,32,64"), rotate=90)


class Keeping:
    """A reader that keeps every picture that goes through it."""

    def __init__(self, reader: Reader, kept: list[Image]) -> None:
        self._reader, self._kept = reader, kept

    def read(self) -> Picture | None:
        picture = self._reader.read()
        if picture:
            self._kept.append(picture.pixels)
        return picture

    def close(self) -> None:
        self._reader.close()


def loop_of(
    open_reader: Callable[[], Reader], classifier: Classifier, stop: threading.Event, *, live: bool
) -> tuple[Loop, RecordingSink]:
    inbox, sink = Inbox(), RecordingSink()
    view = View("cam", REGION, QualityCheck(frozen_after_s=1.0))
    prepared = None if live else functools.partial(prepare, spec=classifier.spec)
    options = CaptureOptions(prepare=prepared, views=(view,))
    capture = make_capture("cam", open_reader, inbox, options, live=live)
    rules = DecisionRules(Limits(0.6), hold_s=0.1)
    return build_loop([capture], inbox, classifier, [sink], stop, rules=rules, max_frame_age_s=1.0), sink


def live_session(classifier: Classifier) -> tuple[RecordingSink, list[Image]]:
    kept: list[Image] = []
    camera, stop = make_opener(parse_source(SESSION)), threading.Event()
    loop, sink = loop_of(lambda: Keeping(camera(), kept), classifier, stop, live=True)
    thread = threading.Thread(target=loop.agent.run)
    thread.start()
    try:
        wait_until(lambda: sink.changes()[-1:] == ["no_frames"], "the end of the session")
    finally:
        stop.set()
        thread.join(60)
    return sink, kept


def write_without_loss(path: Path, pictures: list[Image]) -> Path:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), FPS, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


def what_was_said(sink: RecordingSink) -> list[tuple[str | None, str | None, str | None]]:
    decisions = [decision for decision, _ in sink.decisions if decision.changed]
    return [(each.label, each.unknown_reason, each.previous) for each in decisions]


@pytest.mark.slow
def test_a_recorded_session_gives_the_same_events_as_the_live_camera(
    tmp_path: Path, classifier: Classifier
) -> None:
    live, pictures = live_session(classifier)
    assert len(pictures) == 300
    said = live.changes()
    assert set(said) >= {"starting", "dark", "blue", "green", "bright", "red", "frozen", "no_frames"}
    video = write_without_loss(tmp_path / "session.mkv", pictures)
    for _ in range(2):
        reader = make_opener(parse_source(str(video)))
        loop, replayed = loop_of(reader, classifier, threading.Event(), live=False)
        loop.agent.run()
        assert what_was_said(replayed) == what_was_said(live)
        assert {decision.region for decision, _ in replayed.decisions[1:]} == {REGION.on(1280, 64)}
