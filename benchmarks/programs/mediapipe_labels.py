"""What MediaPipe's ImageClassifier says of photographs: a JSON line each, `path`, `label` and `score`.

Run in MediaPipe's own environment, where nothing of this project is installed:
.venv-mediapipe/bin/python benchmarks/programs/mediapipe_labels.py model.tflite < paths.txt
"""

from __future__ import annotations

import json
import sys

import mediapipe
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions


def main() -> None:
    """Classify the files named on stdin, one a line, with the model named first."""
    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), max_results=1)
    with ImageClassifier.create_from_options(options) as classifier:
        for line in sys.stdin:
            path = line.rstrip("\n")
            result = classifier.classify(mediapipe.Image.create_from_file(path))
            best = next(head.categories[0] for head in result.classifications if head.head_index == 0)
            print(json.dumps({"path": path, "label": best.category_name, "score": best.score}), flush=True)


if __name__ == "__main__":
    main()
