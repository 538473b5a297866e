"""The runtime behind its one door."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.model.interpreter import Network, RuntimeName, _load_runtime
from edge.model.model_file import read_model


@pytest.fixture
def network(golden: Path, runtime: RuntimeName) -> Network:
    return Network(read_model(golden).network, runtime=runtime)


def test_the_tensors_are_described(network: Network) -> None:
    assert (network.input.shape, network.input.dtype) == ((1, 32, 32, 3), np.dtype(np.uint8))
    assert (network.input.scale, network.input.zero_point) == (1.0, 0)
    assert network.output.shape == (1, 3)
    assert network.output.scale == pytest.approx(1 / 256)


def test_the_output_is_made_of_real_numbers(network: Network) -> None:
    network.input_view()[...] = 255
    network.invoke()
    values = network.output_values()
    assert values.dtype == np.float32
    assert 0.9 < values.sum() < 1.1


def test_the_runtime_is_named_with_its_version(network: Network, runtime: RuntimeName) -> None:
    name, version = network.runtime.split(" ")
    assert name == ("litert" if runtime == "auto" else runtime)
    assert version[0].isdecimal()


def test_all_outputs_are_read_by_what_they_are(golden: Path, runtime: RuntimeName) -> None:
    network = Network(read_model(golden).network, runtime=runtime)
    network.input_view()[...] = 200
    network.invoke()
    (output,) = network.outputs
    assert output.name
    assert np.array_equal(network.output_values(output), network.output_values())


def test_two_threads_give_the_same_scores(golden: Path, runtime: RuntimeName) -> None:
    content = read_model(golden).network
    found = []
    for threads in (1, 2):
        network = Network(content, threads=threads, runtime=runtime)
        network.input_view()[...] = 77
        network.invoke()
        found.append(network.output_values())
    assert np.array_equal(*found)


def test_loading_says_nothing_on_stderr(
    golden: Path, runtime: RuntimeName, capfd: pytest.CaptureFixture[str]
) -> None:
    Network(read_model(golden).network, runtime=runtime)
    assert capfd.readouterr().err == ""


def test_a_runtime_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    with pytest.raises(ModelError, match=r"can't load tflite-runtime.*install ai-edge-litert"):
        _load_runtime("tflite-runtime")
