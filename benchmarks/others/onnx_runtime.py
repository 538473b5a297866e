"""ONNX Runtime on its CPU provider, with the network as ONNX.

Run: python -m benchmarks.others.onnx_runtime MODEL CLIP FRAMES THREADS STARTED_S
"""

from __future__ import annotations

import time

import cv2
import numpy as np
import onnxruntime

from benchmarks.others.tally import Tally, Task

TYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}


def main() -> None:
    """Read, resize, run, argmax, one frame after the other."""
    task = Task.of_command_line()
    tally, labels = Tally(task), task.labels
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    session = onnxruntime.InferenceSession(str(task.model), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    height, width = entry.shape[1:3]
    capture = cv2.VideoCapture(str(task.clip))
    while not tally.done:
        delivered, frame = capture.read()
        if not delivered:
            raise SystemExit("the clip is too short")
        decoded_s = time.monotonic()
        picture = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
        pixels = picture[np.newaxis].astype(TYPES[entry.type], copy=False)
        (scores,) = session.run(None, {entry.name: pixels})
        tally.labelled(labels[int(scores[0].argmax())], decoded_s)
    capture.release()
    tally.tell()


if __name__ == "__main__":
    main()
