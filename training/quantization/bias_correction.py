"""Bias correction: int8 rounding shifts the logits on average, and the last layer's bias takes that back.

Measured on the calibration pictures, after Nagel et al. 2019 (section 4.2); on solar cells with
EfficientNet-Lite0 it returned two thirds of what int8 had lost (LOG.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import ConversionError
from training.features.extract import run_over
from training.network.flatbuffer import packed, schema, unpacked

Float = NDArray[np.float32]
Pictures = NDArray[np.uint8]


def correct_bias(network: bytes, float_network: bytes, pictures: Pictures) -> bytes:
    """The int8 network with a bias that gives the float network's mean logits on pictures (n, h, w, 3) RGB.

    Raises ConversionError where the networks do not end in a dense layer and a softmax.
    """
    shift = mean_logits(network, pictures) - mean_logits(float_network, pictures)
    model = unpacked(network)
    _, bias = _last_layer(model)
    tensor = model.subgraphs[0].tensors[bias]
    stored = np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(np.int32)
    moved = np.round(stored - shift / np.asarray(tensor.quantization.scale, np.float64))
    buffer = schema().BufferT()  # a new one: the converter lets equal tensors share theirs
    buffer.data = moved.astype(np.int32).view(np.uint8)
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)
    return packed(model)


def mean_logits(network: bytes, pictures: Pictures) -> Float:
    """What goes into the softmax, mean over the pictures: float32 (labels,)."""
    model = unpacked(network)
    logits, _ = _last_layer(model)
    model.subgraphs[0].outputs = np.array([logits], np.int32)
    model.signatureDefs = []  # they would name the outputs that are gone
    mean: Float = run_over(packed(model), list(pictures), lambda picture: picture).mean(axis=0)
    return mean


def _last_layer(model: Any) -> tuple[int, int]:
    """The tensors of the logits, and of the bias of the dense layer that makes them."""
    graph, codes = model.subgraphs[0], schema().BuiltinOperator
    for softmax in _operators(model, codes.SOFTMAX):
        for dense in _operators(model, codes.FULLY_CONNECTED):
            if dense.outputs[0] == softmax.inputs[0] and len(dense.inputs) == 3 and dense.inputs[2] >= 0:
                return int(dense.outputs[0]), int(dense.inputs[2])
    why = f"none of its {len(graph.operators)} operators is a dense layer before a softmax"
    raise ConversionError("can't correct the int8 network's bias", why, "try another backbone")


def _operators(model: Any, code: int) -> list[Any]:
    """The operators of a kind; older files keep the kind in a field of its own."""
    kinds = [max(kind.builtinCode, kind.deprecatedBuiltinCode) for kind in model.operatorCodes]
    return [operator for operator in model.subgraphs[0].operators if kinds[operator.opcodeIndex] == code]
