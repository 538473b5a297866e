"""The file in other hands: zip tools, TensorFlow's schema, TensorFlow's own interpreter."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.infer.classifier import Classifier
from edge.model.interpreter import Network
from edge.model.model_file import ModelFile, read_model
from edge.preprocess import prepare, read_image
from tests.support.agents.delegated import steps_wrongly_counted
from tests.training.conftest import Trained
from training.network.flatbuffer import packed, unpacked
from training.packing.metadata import METADATA_ENTRY
from training.runs import FLOAT_NETWORK, MODEL

TOLERANCE = 2 / 256  # two steps of the uint8 output


@pytest.fixture
def model(trained: Trained) -> ModelFile:
    return read_model(trained.run.path(MODEL))


@pytest.fixture
def prepared(model: ModelFile, photographs: Path) -> list[NDArray[np.uint8]]:
    """Some photographs of each class as the network gets them."""
    spec = Classifier(model).spec
    return [prepare(read_image(path), spec) for path in sorted(photographs.rglob("*.*"))[::8]]


def test_zip_tools_find_everything_whole(trained: Trained, model: ModelFile) -> None:
    with zipfile.ZipFile(trained.run.path(MODEL)) as archive:
        assert archive.testzip() is None
        assert {"labels.txt", "manifest.json"} <= set(archive.namelist())
        assert tuple(archive.read("labels.txt").decode().splitlines()) == model.labels


def test_tensorflows_schema_reads_and_writes_the_network(
    model: ModelFile, prepared: list[NDArray[np.uint8]]
) -> None:
    content = unpacked(model.network)
    assert [entry.name for entry in content.metadata].count(METADATA_ENTRY.encode()) == 1
    assert len(content.subgraphs[0].operators) == len(Network(model.network).operations())
    again = Network(packed(content))
    original = Network(model.network)
    for pixels in prepared[:3]:
        assert np.array_equal(_scores(original, pixels), _scores(again, pixels))


def test_tensorflows_interpreter_decides_as_the_devices(
    model: ModelFile, prepared: list[NDArray[np.uint8]]
) -> None:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that LiteRT is its successor
        theirs = tf.lite.Interpreter(model_content=model.network)
    theirs.allocate_tensors()
    ours, tensor = Network(model.network), theirs.get_output_details()[0]
    assert len(prepared) >= 12
    for pixels in prepared:
        theirs.set_tensor(theirs.get_input_details()[0]["index"], pixels[None])
        theirs.invoke()
        scale, zero_point = tensor["quantization"]
        found = (theirs.get_tensor(tensor["index"])[0].astype(np.float32) - zero_point) * scale
        expected = _scores(ours, pixels)
        assert np.abs(found - expected).max() <= TOLERANCE
        assert found.argmax() == expected.argmax()


def test_xnnpack_takes_the_whole_float_network_and_most_of_the_int8_one(
    trained: Trained, model: ModelFile
) -> None:
    float_, int8 = Network(trained.run.read(FLOAT_NETWORK)), Network(model.network)
    assert steps_wrongly_counted(float_) == steps_wrongly_counted(int8) == []
    assert all(operation.in_xnnpack for operation in float_.operations())
    taken = [operation.in_xnnpack for operation in int8.operations()]
    assert 0.8 * len(taken) < sum(taken) < len(taken)


def _scores(network: Network, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    network.input_view()[0] = pixels
    network.invoke()
    return network.output_values()[0]
