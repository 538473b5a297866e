"""Makes models as others make them: one network that tells red, green and blue apart, in their codings.

Inputs are −1 to 1, or what quantization makes of that; outputs in the order background (where asked for),
blue, green, red. They need TensorFlow; the device's tests need only the files in tests/golden.
Run: python -m tests.support.models.make_foreign
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tensorflow as tf

from training.network.convert import _converter
from training.network.flatbuffer import packed, schema, unpacked

GOLDEN = Path(__file__).parents[2] / "golden"
LABELS = ("blue", "green", "red")
SIZE = 16
CUSTOM = 32  # BuiltinOperator.CUSTOM
LOCALISED = "labels_de.txt"


def keras_model(activation: str = "softmax", outputs: int = 3, first: int = 0) -> Any:
    """Mean colour → scores; blue, green and red are the outputs from `first` on, all others are low."""
    inputs = tf.keras.Input((SIZE, SIZE, 3), batch_size=1)
    mean = tf.keras.layers.GlobalAveragePooling2D()(inputs)
    dense = tf.keras.layers.Dense(outputs, activation=activation)
    model = tf.keras.Model(inputs, dense(mean))
    kernel, bias = np.zeros((3, outputs), np.float32), np.full(outputs, -9, np.float32)
    kernel[:, first : first + 3] = np.eye(3)[:, ::-1] * 4
    bias[first : first + 3] = 0
    dense.set_weights([kernel, bias])
    return model


def network(kind: str, model: Any) -> bytes:
    """The TFLite network with `kind` (float32, int8 or uint8) as its input's and its output's type."""
    converter = _converter(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _calibration
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, kind)
    return bytes(converter.convert())


def with_metadata(content: bytes, mean: Sequence[float], std: Sequence[float]) -> bytes:
    """A network that names its normalisation and two label files, the German one first."""
    model, tables = unpacked(content), schema()
    buffer, entry = tables.BufferT(), tables.MetadataT()
    buffer.data = np.frombuffer(_metadata(mean, std), np.uint8)
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [entry]
    return packed(model)


def with_labels(content: bytes, labels: Sequence[str] = LABELS) -> bytes:
    """The label files in a zip at the network's end."""
    body = io.BytesIO(content)
    with zipfile.ZipFile(body, "a") as archive:
        for name, lines in ((LOCALISED, ("blau", "grün", "rot")), ("labelmap.txt", labels)):
            archive.writestr(zipfile.ZipInfo(name), "\n".join(lines) + "\n")
    return body.getvalue()


def _calibration() -> Iterator[list[Any]]:
    for value in (-1.0, 1.0, *np.eye(3) * 2 - 1):
        yield [np.ones((1, SIZE, SIZE, 3), np.float32) * np.asarray(value, np.float32)]


def _metadata(mean: Sequence[float], std: Sequence[float]) -> bytes:
    b = flatbuffers.Builder(512)
    vectors = [b.CreateNumpyVector(np.asarray(values, np.float32)) for values in (mean, std)]
    options = _table(b, 2, (0, vectors[0]), (1, vectors[1]))
    unit = _table(b, 2, (1, options), kind=(0, 1))
    picture = _table(b, 7, (4, _vector(b, [unit])))
    german = _table(b, 5, (0, b.CreateString(LOCALISED)), (3, b.CreateString("de")), kind=(2, 2))
    english = _table(b, 5, (0, b.CreateString("labelmap.txt")), kind=(2, 2))
    scores = _table(b, 7, (6, _vector(b, [german, english])))
    subgraph = _table(b, 10, (2, _vector(b, [picture])), (3, _vector(b, [scores])))
    b.Finish(_table(b, 8, (3, _vector(b, [subgraph]))), b"M001")
    return bytes(b.Output())


def _table(b: Any, slots: int, *offsets: tuple[int, int], kind: tuple[int, int] | None = None) -> int:
    b.StartObject(slots)
    for slot, value in offsets:
        b.PrependUOffsetTRelativeSlot(slot, value, 0)
    if kind:
        b.PrependInt8Slot(kind[0], kind[1], 0)
    return int(b.EndObject())


def _vector(b: Any, tables: Sequence[int]) -> int:
    b.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        b.PrependUOffsetTRelative(table)
    return int(b.EndVector())


def with_custom_operation(content: bytes, name: str) -> bytes:
    """A network whose first kind of operation is one that only somebody's own runtime has."""
    model = unpacked(content)
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = CUSTOM
    code.customCode = name
    return packed(model)


def make() -> None:
    """Write the golden files; the last two carry neither metadata nor labels."""
    model = keras_model()
    for kind in ("float32", "int8", "uint8"):
        content = with_labels(with_metadata(network(kind, model), [127.5], [127.5, 127.5, 127.5]))
        (GOLDEN / f"foreign_{kind}.tflite").write_bytes(content)
    logits = network("float32", keras_model("linear"))
    (GOLDEN / "foreign_logits.tflite").write_bytes(logits)
    (GOLDEN / "foreign_custom.tflite").write_bytes(with_custom_operation(logits, "edgetpu-custom-op"))


if __name__ == "__main__":
    make()
