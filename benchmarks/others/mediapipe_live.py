"""MediaPipe's ImageClassifier in live-stream mode: the next frame is read while one is classified.

Run in MediaPipe's environment: python -m benchmarks.others.mediapipe_live MODEL CLIP FRAMES 0 STARTED_S
With more than one frame under way it drops some: here each waits for the one before, so all get labels.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import cv2
import mediapipe
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions, RunningMode

from benchmarks.others.tally import Tally, Task

LOST_AFTER_S = 10.0


class Listener:
    """Takes the answers, which come in a thread of MediaPipe's."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._free = threading.Semaphore(1)
        self._decoded_s = 0.0

    def wait(self) -> None:
        """Until no frame is under way."""
        if not self._free.acquire(timeout=LOST_AFTER_S):
            raise SystemExit("MediaPipe has dropped a frame")

    def sent(self, decoded_s: float) -> None:
        """A frame, decoded at that time, is on its way from now."""
        self._decoded_s = decoded_s

    def answered(self, result: Any, _image: Any, _timestamp_ms: int) -> None:
        """MediaPipe's callback."""
        if not self._tally.done:
            self._tally.labelled(result.classifications[0].categories[0].category_name, self._decoded_s)
        self._free.release()


def main() -> None:
    """Read, turn to RGB, hand over."""
    task = Task.of_command_line()
    tally = Tally(task)
    listener = Listener(tally)
    options = ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(task.model)),
        running_mode=RunningMode.LIVE_STREAM,
        max_results=3,
        result_callback=listener.answered,
    )
    capture = cv2.VideoCapture(str(task.clip))
    fps = capture.get(cv2.CAP_PROP_FPS)
    with ImageClassifier.create_from_options(options) as classifier:
        for number in range(task.frames):
            delivered, frame = capture.read()
            if not delivered:
                raise SystemExit("the clip is too short")
            decoded_s = time.monotonic()
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
            listener.wait()
            listener.sent(decoded_s)
            classifier.classify_async(image, round(number * 1000 / fps))
        listener.wait()
    capture.release()
    tally.tell()


if __name__ == "__main__":
    main()
