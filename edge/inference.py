"""STAGE 2's own thread: the interpreter works on the next frame while the loop decides on the last one.

At 3 ms a frame, deciding and publishing between two frames would cost a quarter of the speed.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.errors import ThreadStuckError
from edge.preprocess import Image
from edge.records import Frame, Scores

LOOK_AROUND_S = 0.1
JOIN_TIMEOUT_S = 10.0


class FrameClassifier(Protocol):
    """Scores for a picture."""

    def classify(self, image: Image) -> Scores: ...

    def classify_prepared(self, pixels: Image) -> Scores: ...


class FrameInbox(Protocol):
    """Where frames wait."""

    def take(self, timeout_s: float) -> Frame | None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a frame. age_s: how old it was when its turn came; scores: None if not asked for."""

    frame: Frame
    age_s: float
    scores: Scores | None


class InferenceThread:
    """Takes frames from the inbox, and has at most one answer waiting to be taken."""

    def __init__(
        self, inbox: FrameInbox, classifier: FrameClassifier, is_wanted: Callable[[Frame, float], bool]
    ) -> None:
        """is_wanted: whether a frame of this age, in seconds, is to be classified; asked in the thread."""
        self._inbox, self._classifier, self._is_wanted = inbox, classifier, is_wanted
        self._answers: queue.Queue[Answer | Exception] = queue.Queue(maxsize=1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        """Start working."""
        self._thread.start()

    def take(self, timeout_s: float) -> Answer | None:
        """The next answer, in the order of the frames, or None; raises what classifying raised."""
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End the thread after the frame that it is at; raises ThreadStuckError where that does not end."""
        self._stop.set()
        if self._thread.ident is None:
            return
        self._thread.join(JOIN_TIMEOUT_S)
        if self._thread.is_alive():
            raise ThreadStuckError("inference does not come back", f"{JOIN_TIMEOUT_S:g} s passed")

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                frame = self._inbox.take(LOOK_AROUND_S)
                if frame is not None:
                    self._hand_over(self._answer(frame))
        except Exception as error:  # noqa: BLE001 (the loop must hear of it, whatever it is)
            self._hand_over(error)

    def _answer(self, frame: Frame) -> Answer:
        age_s = time.monotonic() - frame.received_s
        if not self._is_wanted(frame, age_s):
            return Answer(frame, age_s, None)
        classify = self._classifier.classify_prepared if frame.prepared else self._classifier.classify
        return Answer(frame, age_s, classify(frame.pixels))

    def _hand_over(self, answer: Answer | Exception) -> None:
        while not self._stop.is_set():
            try:
                self._answers.put(answer, timeout=LOOK_AROUND_S)
            except queue.Full:
                continue
            return
