"""Networks of keras.applications as backbones: without classifier and without input scaling of their own.

MobileNetV3 is taken in its "minimalistic" form, which its authors made for quantization: 3×3 kernels, plain
ReLU, no squeeze-and-excite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.libraries import keras

KERAS_SIZE = 224


@dataclass(frozen=True, slots=True)
class Application:
    """A network by its name in keras.applications.

    first: the first layer after scaling that the network insists on doing itself, where it does.
    """

    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    first: str | None = None

    def body(self, pixels: Any, size: int) -> Any:
        """The feature map of `pixels` (n, size, size, 3), with random weights."""
        if self.first is None:
            return self._network(size, None, input_tensor=pixels).output
        return _copied_from(self._network(size, None), self.first, pixels)

    def with_imagenet_weights(self) -> Any:
        """The network with ImageNet weights, from Keras' cache or a download; raises what Keras raises."""
        return self._network(KERAS_SIZE, "imagenet")

    def _network(self, size: int, weights: str | None, **options: Any) -> Any:
        factory = getattr(keras().applications, self.factory)
        shape = (size, size, 3)
        return factory(input_shape=shape, include_top=False, weights=weights, **self.options, **options)


def _copied_from(network: Any, first: str, tensor: Any) -> Any:
    """What `tensor` becomes in new copies of a network's layers, from the layer `first` to its output."""
    start = network.layers.index(network.get_layer(first))
    became = {id(network.layers[start].input): tensor}
    for layer in network.layers[start:]:
        given = layer.input
        inputs = [became[id(each)] for each in given] if isinstance(given, list) else became[id(given)]
        # a second call of the same layer would leave its `output` ambiguous
        became[id(layer.output)] = type(layer).from_config(layer.get_config())(inputs)
    return became[id(network.output)]


def copy_weights(source: Any, target: Any) -> None:
    """Copy between two builds of one network; the source may have an input normalisation besides."""
    scaling = keras().layers.Normalization
    filled = [layer for layer in source.layers if layer.weights and not isinstance(layer, scaling)]
    own = [layer for layer in target.layers if layer.weights]
    for layer, original in zip(own, filled, strict=True):
        layer.set_weights(original.get_weights())


MINIMALISTIC = {"minimalistic": True, "include_preprocessing": False}
APPLICATIONS = {
    "mobilenet_v2": Application("MobileNetV2"),
    "mobilenet_v3_small": Application("MobileNetV3Small", MINIMALISTIC),
    "mobilenet_v3_large": Application("MobileNetV3Large", MINIMALISTIC),
    "efficientnet_b0": Application("EfficientNetB0", first="stem_conv_pad"),
    "resnet50": Application("ResNet50"),
    "vgg16": Application("VGG16"),
}
