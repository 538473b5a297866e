"""What the agent's memory is held against: the same libraries, network and clip, and nothing else.

Run: python -m benchmarks.bare.process MODEL CLIP FRAMES
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
import paho.mqtt.client
import pydantic
from ai_edge_litert.interpreter import Interpreter

IMPORTED = (paho.mqtt.client, pydantic)


def main() -> None:
    """Read, resize, invoke: `FRAMES` times."""
    cv2.setNumThreads(1)
    interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
    interpreter.allocate_tensors()
    wanted, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = wanted["shape"]
    capture = cv2.VideoCapture(sys.argv[2], cv2.CAP_FFMPEG)
    for _ in range(int(sys.argv[3])):
        delivered, pixels = capture.read()
        if not delivered:
            break
        small = cv2.resize(pixels, (int(width), int(height)))
        interpreter.set_tensor(wanted["index"], np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))[None])
        interpreter.invoke()
        interpreter.get_tensor(given["index"])


if __name__ == "__main__":
    main()
