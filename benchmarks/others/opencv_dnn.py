"""OpenCV's own DNN module, with the network as ONNX.

Run: python -m benchmarks.others.opencv_dnn MODEL CLIP FRAMES THREADS STARTED_S
"""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np

from benchmarks.others.tally import Tally, Task

SIZE = 224


def main() -> None:
    """Read, resize, forward, argmax, one frame after the other."""
    task = Task.of_command_line()
    tally, labels = Tally(task), task.labels
    cv2.setNumThreads(task.threads)
    network = cv2.dnn.readNetFromONNX(str(task.model))
    pixel_type = _pixel_type(network)
    capture = cv2.VideoCapture(str(task.clip))
    while not tally.done:
        delivered, frame = capture.read()
        if not delivered:
            raise SystemExit("the clip is too short")
        decoded_s = time.monotonic()
        picture = cv2.cvtColor(cv2.resize(frame, (SIZE, SIZE)), cv2.COLOR_BGR2RGB)
        # not blobFromImage: the exported network takes its pixels as (1, height, width, 3)
        network.setInput(picture[np.newaxis].astype(pixel_type, copy=False))
        scores = network.forward()
        tally.labelled(labels[int(scores[0].argmax())], decoded_s)
    capture.release()
    tally.tell()


def _pixel_type(network: Any) -> type:
    """What the network takes; it says so only by refusing the other."""
    try:
        network.setInput(np.zeros((1, SIZE, SIZE, 3), np.uint8))
        network.forward()
    except cv2.error:
        return np.float32
    return np.uint8


if __name__ == "__main__":
    main()
