"""The network as one TensorFlow function with named ends, pixels → scores: what most exporters take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.export.exchange import INPUT, OUTPUT
from training.libraries import tensorflow


@dataclass(frozen=True, slots=True)
class Serving:
    """A tf.function, the signature of its one input, and the module that holds its variables."""

    function: Any
    signature: Any
    module: Any

    def concrete(self) -> Any:
        """The function traced for its signature."""
        return self.function.get_concrete_function(self.signature)


def serving(model: Any, batch: int | None) -> Serving:
    """The function of a Keras network for batches of that size, of any size where it is None."""
    tf = tensorflow()
    signature = tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name=INPUT)
    function = tf.function(lambda pixels: {OUTPUT: model(pixels, training=False)})
    # exporters do not know a Keras 3 network for what it is: without this they leave out the weights
    module = tf.Module()
    module.held = [variable.value for variable in model.variables]
    return Serving(function, signature, module)
