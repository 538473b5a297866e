"""MediaPipe's ImageClassifier in video mode: one frame after the other.

Run in MediaPipe's environment: python -m benchmarks.others.mediapipe_video MODEL CLIP FRAMES 0 STARTED_S
It has no setting for threads.
"""

from __future__ import annotations

import time

import cv2
import mediapipe
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions, RunningMode

from benchmarks.others.tally import Tally, Task


def main() -> None:
    """Read, turn to RGB, classify; MediaPipe resizes."""
    task = Task.of_command_line()
    tally = Tally(task)
    options = ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(task.model)),
        running_mode=RunningMode.VIDEO,
        max_results=3,
    )
    capture = cv2.VideoCapture(str(task.clip))
    fps = capture.get(cv2.CAP_PROP_FPS)
    number = 0
    with ImageClassifier.create_from_options(options) as classifier:
        while not tally.done:
            delivered, frame = capture.read()
            if not delivered:
                raise SystemExit("the clip is too short")
            decoded_s = time.monotonic()
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
            result = classifier.classify_for_video(image, round(number * 1000 / fps))
            tally.labelled(result.classifications[0].categories[0].category_name, decoded_s)
            number += 1
    capture.release()
    tally.tell()


if __name__ == "__main__":
    main()
