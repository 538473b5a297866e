"""A network packed as `edge-train` ships it: with manifest, labels and four self-test pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2

from benchmarks.subjects import clips
from edge.infer.classifier import Classifier
from edge.model import manifest
from edge.model.interpreter import Network
from edge.model.model_file import ModelFile, write_model
from edge.preprocess import PreprocessSpec, encode_png

PICTURES = 4
TOLERANCE = 0.2
LOW = 0.01  # an untrained network is sure of nothing, and still must give labels


def packed(model: Path) -> Path:
    """The packed file beside the network's, made where it is not there yet; its pictures are of the clip."""
    path = model.with_name(f"{model.stem}-packed.tflite")
    if not path.is_file():
        content, labels = model.read_bytes(), tuple(model.with_suffix(".txt").read_text().splitlines())
        about = _manifest(content, labels)
        classifier = Classifier(ModelFile(path, content, about.model_sha256, labels, about, None, {}))
        images, vectors = {}, []
        for number, image in enumerate(_pictures(about.preprocess.height)):
            name = f"selftest/{number}.png"
            images[name] = encode_png(image)
            scores = tuple(map(float, classifier.classify(image).values))
            vectors.append(manifest.SelftestVector(image=name, scores=scores))
        selftest = manifest.Selftest(tolerance=TOLERANCE, vectors=tuple(vectors))
        write_model(path, content, about, selftest, images)
    return path


def _pictures(height: int) -> list[cv2.typing.MatLike]:
    capture = cv2.VideoCapture(str(clips.RECORDING))
    pictures = [capture.read()[1] for _ in range(PICTURES)]
    capture.release()
    return [cv2.resize(each, (height * 16 // 9, height), interpolation=cv2.INTER_AREA) for each in pictures]


def _manifest(content: bytes, labels: tuple[str, ...]) -> manifest.Manifest:
    network = Network(content)
    _, height, width, _ = network.input.shape
    none = manifest.Accuracy(accuracy=0.0, count=0)
    return manifest.Manifest(
        name="benchmark",
        version="1",
        model_sha256=hashlib.sha256(content).hexdigest(),
        labels=labels,
        preprocess=manifest.Preprocess.of(PreprocessSpec(width, height)),
        input=manifest.TensorQuantization(
            dtype="uint8", scale=network.input.scale, zero_point=network.input.zero_point
        ),
        output=manifest.TensorQuantization(
            dtype="uint8", scale=network.output.scale, zero_point=network.output.zero_point
        ),
        threshold=LOW,
        metrics=manifest.Metrics(float_=none, int8=none, agreement=0.0),
        provenance=manifest.Provenance(
            created="",
            backbone="",
            weights="untrained",
            seed=0,
            run="",
            dataset_sha256="",
            dataset_counts={},
            libraries={},
        ),
    )
