"""The loop that tutorials for small boards teach: OpenCV, resize, set_tensor, invoke, get_tensor, argsort.

Run: python -m benchmarks.others.tutorial_loop MODEL CLIP FRAMES THREADS STARTED_S
"""

from __future__ import annotations

import time

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks.others.tally import Tally, Task


def main() -> None:
    """One frame after the other, all in one thread but for the libraries' own."""
    task = Task.of_command_line()
    tally, labels = Tally(task), task.labels
    interpreter = Interpreter(model_path=str(task.model), num_threads=task.threads)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = entry["shape"]
    scale, zero_point = result["quantization"]
    capture = cv2.VideoCapture(str(task.clip))
    while not tally.done:
        delivered, frame = capture.read()
        if not delivered:
            raise SystemExit("the clip is too short")
        decoded_s = time.monotonic()
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        picture = cv2.resize(rgb, (width, height))
        interpreter.set_tensor(entry["index"], np.expand_dims(picture, axis=0))
        interpreter.invoke()
        output = np.squeeze(interpreter.get_tensor(result["index"]))
        scores = scale * (output.astype(np.float32) - zero_point)
        best = np.argsort(-scores)[:3]
        tally.labelled(labels[best[0]], decoded_s)
    capture.release()
    tally.tell()


if __name__ == "__main__":
    main()
