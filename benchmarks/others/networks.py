"""The network of the comparison in three files: ours as it ships, and two ONNX exports of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchmarks.subjects.models import ModelName, keras_network, model_file
from benchmarks.subjects.packed import packed
from edge.model.manifest import Preprocess
from edge.model.model_file import read_model, write_model
from edge.preprocess import PreprocessSpec

NAME: ModelName = "mobilenet_v2_224"
SIZE = 224


def shipped(folder: Path) -> Path:
    """The int8 file with metadata, labels, manifest and self-test; it stretches, as the others do."""
    path = _beside(folder, "shipped.tflite")
    if not path.is_file():
        from training.packing.metadata import Description, with_metadata

        original = read_model(packed(model_file(NAME, folder)))
        content = with_metadata(original.network, Description(NAME, "1", "untrained", SIZE, SIZE))
        about = original.manifest.model_copy(
            update={
                "model_sha256": hashlib.sha256(content).hexdigest(),
                "preprocess": Preprocess.of(PreprocessSpec(SIZE, SIZE, "stretch", "linear")),
            }
        )
        write_model(path, content, about, original.selftest, original.selftest_images)
    return path


def int8_onnx(folder: Path) -> Path:
    """The int8 file's own numbers as ONNX: tf2onnx turns each step of quantization into Q and DQ nodes."""
    path = _beside(folder, "int8.onnx")
    if not path.is_file():
        from training.export.exchange import quietly
        from training.export.onnx_file import OPSET

        with quietly("tf2onnx can't read the int8 file"):
            import tf2onnx

            tf2onnx.convert.from_tflite(str(model_file(NAME, folder)), opset=OPSET, output_path=str(path))
    return path


def float_onnx(folder: Path) -> Path:
    """The network as `edge-train export` writes it: float32."""
    path = _beside(folder, "float.onnx")
    if not path.is_file():
        from training.export.exchange import Source
        from training.export.onnx_file import write_onnx

        write_onnx(Source(keras_network(NAME), model_file(NAME, folder)), path)
    return path


def _beside(folder: Path, name: str) -> Path:
    path = folder / name
    model_file(NAME, folder)
    path.with_suffix(".txt").write_text("".join(f"{label}\n" for label in _labels(folder)))
    return path


def _labels(folder: Path) -> tuple[str, ...]:
    return tuple(model_file(NAME, folder).with_suffix(".txt").read_text().splitlines())
