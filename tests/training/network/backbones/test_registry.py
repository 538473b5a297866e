"""Each backbone takes pixels as its authors prepare them, learns, and fits the device's runtime."""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np
import pytest

from edge.model.interpreter import Network
from training.errors import SettingsError
from training.fit.finetune import unfreeze
from training.libraries import keras
from training.network.backbones.applications import APPLICATIONS, copy_weights
from training.network.backbones.efficientnet_lite import scaled_channels
from training.network.backbones.normalisation import TORCHVISION, Normalisation, fold_normalisation
from training.network.backbones.registry import (
    BACKBONES,
    block_names,
    build_backbone,
    find_backbone,
    folded,
    unfolded,
)
from training.network.backbones.weights import load_backbone
from training.network.convert import to_float, to_uint8

SIZE_PX = 64
BIG = {"resnet50", "vgg16"}
QUICK = {"mobilenet_v3_small", "small_cnn"}
CHANNELS = {
    "mobilenet_v2": 1280,
    "mobilenet_v3_small": 576,
    "mobilenet_v3_large": 960,
    "efficientnet_lite0": 1280,
    "efficientnet_lite1": 1280,
    "efficientnet_lite2": 1280,
    "efficientnet_b0": 1280,
    "resnet50": 2048,
    "vgg16": 512,
    "small_cnn": 128,
}
# how many blocks, the last but one, and the first layer with weights in it
BLOCKS = {
    "mobilenet_v2": (17, "block_15", "block_15_expand"),
    "mobilenet_v3_small": (11, "expanded_conv_9", "expanded_conv_9_expand"),
    "mobilenet_v3_large": (15, "expanded_conv_13", "expanded_conv_13_expand"),
    "efficientnet_lite0": (16, "block_14", "block_14_expand"),
    "efficientnet_lite1": (21, "block_19", "block_19_expand"),
    "efficientnet_lite2": (21, "block_19", "block_19_expand"),
    "efficientnet_b0": (16, "block6d", "block6d_expand_conv"),
    "resnet50": (16, "conv5_block2", "conv5_block2_1_conv"),
    "vgg16": (5, "block4", "block4_conv1"),
    "small_cnn": (5, "block_3", "block_3_conv"),
}
PREPROCESSING = {
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3_small": "mobilenet_v3",
    "mobilenet_v3_large": "mobilenet_v3",
    "resnet50": "resnet50",
    "vgg16": "vgg16",
}


@functools.cache
def _backbone(name: str) -> Any:
    """A backbone with random weights, which nobody changes."""
    return load_backbone(name, SIZE_PX, "none", 1).model


def _slow_but(quick: set[str], names: set[str]) -> list[Any]:
    """The names as parameters, all but the quick ones marked slow."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in sorted(names)]


def _pixels(count: int = 2) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(3).integers(0, 256, (count, SIZE_PX, SIZE_PX, 3), np.uint8)


def _stem(network: Any) -> Any:
    """A network up to where the normalisation is folded into."""
    layers = keras().layers
    found = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    found += [layer for layer in network.layers if isinstance(layer, layers.Conv2D)]
    return keras().Model(network.inputs[0], found[0].output)


def _assert_same_inside(ours: Any, theirs: Any) -> None:
    """Equal but for the border, where padding is black instead of the mean colour."""
    ours, theirs = (np.asarray(tensor)[:, 3:-3, 3:-3] for tensor in (ours, theirs))
    assert ours.std() > 0.05
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * float(np.abs(theirs).max()))


def _run(network: bytes, picture: Any) -> Any:
    interpreter = Network(network)
    interpreter.input_view()[0] = picture
    interpreter.invoke()
    return interpreter.output_values()


def test_the_tables_here_know_every_backbone() -> None:
    assert set(CHANNELS) == set(BLOCKS) == set(BACKBONES)
    assert set(PREPROCESSING) | {"efficientnet_b0"} == set(APPLICATIONS)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_backbone_turns_pixels_into_pooled_features(name: str) -> None:
    features = np.asarray(_backbone(name)(_pixels().astype(np.float32), training=False))
    assert features.shape == (2, CHANNELS[name])
    assert np.isfinite(features).all()
    assert not np.array_equal(features[0], features[1])


@pytest.mark.parametrize("name", sorted(PREPROCESSING))
def test_the_folded_normalisation_is_keras_own(name: str) -> None:
    module = importlib.import_module(f"keras.applications.{PREPROCESSING[name]}")
    options = {"minimalistic": True} if "v3" in name else {}
    factory = getattr(keras().applications, APPLICATIONS[name].factory)
    reference = factory(input_shape=(SIZE_PX, SIZE_PX, 3), include_top=False, weights=None, **options)
    backbone = build_backbone(name, SIZE_PX)
    copy_weights(reference, backbone)
    fold_normalisation(backbone, find_backbone(name).normalisation)
    pixels = _pixels().astype(np.float32)
    wanted = _stem(reference)(module.preprocess_input(pixels.copy()))
    _assert_same_inside(_stem(backbone)(pixels), wanted)


def test_efficientnet_b0_scales_as_its_imagenet_weights_expect() -> None:
    # Keras' B0 divides by 255 itself; mean and deviation come with its weights, which are not here
    from keras.applications import imagenet_utils

    reference = keras().applications.EfficientNetB0(
        input_shape=(SIZE_PX, SIZE_PX, 3), include_top=False, weights=None
    )
    backbone = build_backbone("efficientnet_b0", SIZE_PX)
    copy_weights(reference, backbone)
    fold_normalisation(backbone, find_backbone("efficientnet_b0").normalisation)
    pixels = _pixels().astype(np.float32)
    prepared = 255 * imagenet_utils.preprocess_input(pixels.copy(), mode="torch")
    _assert_same_inside(_stem(backbone)(pixels), _stem(reference)(prepared))


@pytest.mark.parametrize("name", ["small_cnn", "vgg16", "efficientnet_b0"])
def test_the_normalisation_can_stand_in_front_instead(name: str) -> None:
    in_front = build_backbone(name, SIZE_PX, normalise=True)
    folded = build_backbone(name, SIZE_PX)
    folded.set_weights(in_front.get_weights())
    fold_normalisation(folded, find_backbone(name).normalisation)
    pixels = _pixels().astype(np.float32)
    _assert_same_inside(_stem(folded)(pixels), _stem(in_front)(pixels))


def test_the_small_network_loses_nothing_by_folding() -> None:
    backbone = _backbone("small_cnn")
    in_front = unfolded(backbone)
    pixels = _pixels().astype(np.float32)
    wanted = np.asarray(backbone(pixels))
    np.testing.assert_allclose(in_front(pixels), wanted, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(folded(in_front)(pixels), wanted, rtol=1e-3, atol=1e-6)
    assert [layer.name for layer in in_front.layers][1] == "normalise"
    assert 100_000 < backbone.count_params() < 300_000


@pytest.mark.parametrize("normalisation", [TORCHVISION, Normalisation((2, 4, 8), (1, 2, 3), bgr=True)])
def test_a_fold_can_be_undone(normalisation: Normalisation) -> None:
    backbone = build_backbone("small_cnn", SIZE_PX)
    before = backbone.get_weights()
    fold_normalisation(backbone, normalisation)
    assert not np.allclose(before[0], backbone.get_weights()[0])
    fold_normalisation(backbone, normalisation.inverse())
    for ours, theirs in zip(backbone.get_weights(), before, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", _slow_but({"mobilenet_v2", *QUICK}, set(BACKBONES)))
def test_one_step_changes_first_and_last_weights(name: str) -> None:
    k = keras()
    backbone = build_backbone(name, SIZE_PX, normalise=True)
    model = k.Model(backbone.input, k.layers.Dense(3, activation="softmax")(backbone.output))
    model.compile(k.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", run_eagerly=True)
    before = model.get_weights()
    loss = model.train_on_batch(_pixels(2).astype(np.float32), np.array([0, 1]))
    assert np.isfinite(loss)
    after = model.get_weights()
    assert not np.array_equal(before[0], after[0])
    assert not np.array_equal(before[-2], after[-2])


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_last_two_blocks_are_known(name: str) -> None:
    count, block, first = BLOCKS[name]
    backbone = _backbone(name)
    assert len(block_names(backbone)) == count
    assert block_names(backbone)[-2] == block
    if not find_backbone(name).pretrained:
        return
    unfreeze(backbone, name, blocks=2)
    trained = [layer.name for layer in backbone.layers if layer.trainable_weights]
    assert trained[0] == first
    assert not [layer for layer in trained if layer.lower().endswith("bn")]


def test_a_network_from_scratch_is_trained_whole() -> None:
    backbone = build_backbone("small_cnn", SIZE_PX)
    unfreeze(backbone, "small_cnn", blocks=2)
    assert {"stem", "stem_bn"} <= {layer.name for layer in backbone.layers if layer.trainable_weights}


@pytest.mark.parametrize("name", sorted(BIG))
@pytest.mark.proof
def test_a_big_one_gives_the_same_on_the_device(name: str) -> None:
    picture = _pixels(1)[0]
    wanted = np.asarray(_backbone(name)(picture[None].astype(np.float32), training=False))
    np.testing.assert_allclose(_run(to_float(_backbone(name)), picture), wanted, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", _slow_but(QUICK, set(BACKBONES) - BIG))
def test_it_runs_as_int8(name: str) -> None:
    calibration = np.concatenate((_pixels(4), np.zeros((1, SIZE_PX, SIZE_PX, 3), np.uint8)))
    calibration[0, :2] = 255
    network = to_uint8(_backbone(name), calibration)
    interpreter = Network(network)
    assert interpreter.input.dtype == np.uint8
    assert (interpreter.input.scale, interpreter.input.zero_point) == (pytest.approx(1.0), 0)
    assert _run(network, _pixels(1)[0]).shape == (1, CHANNELS[name])
    assert len(network) < 1.6 * _backbone(name).count_params() + 100_000


def test_channels_are_scaled_to_multiples_of_eight() -> None:
    assert [scaled_channels(n, 1.1) for n in (16, 24, 40, 80, 112, 192, 320)] == [
        16,
        24,
        48,
        88,
        120,
        208,
        352,
    ]
    assert scaled_channels(12, 1.0) == 16
    assert scaled_channels(18, 1.0) == 24


def test_an_unknown_backbone_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"no backbone 'alexnet'.*take one of mobilenet_v2.*small_cnn"):
        find_backbone("alexnet")
