"""Which tensors of a network are the picture, the scores and the familiarity, and how each is coded.

Our own files say so in their manifest. A file from elsewhere is taken only where nothing has to be guessed:
a float input needs its mean and std from somewhere, the labels must fit an output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.errors import ModelError
from edge.model.coding import INPUT_TYPES, MAX_CLIPPED, InputCoding
from edge.model.interpreter import Network, TensorInfo
from edge.model.labels import OutputLabels, output_labels
from edge.model.model_file import ModelFile
from edge.preprocess import PreprocessSpec

# Image classifiers take 32 to 1,024 pixels; sizes far outside mean that the input is no picture.
SIZES = range(8, 4097)


@dataclass(frozen=True, slots=True)
class Tensors:
    """spec and coding: how a picture becomes the input. labels: of the scores, the background left out.

    background: the index of that output, where there is one; familiarity: None where the network can't tell.
    """

    spec: PreprocessSpec
    coding: InputCoding
    scores: TensorInfo
    labels: tuple[str, ...]
    background: int | None
    familiarity: TensorInfo | None


def find_tensors(model: ModelFile, network: Network) -> Tensors:
    """Raises ModelError where the network is no image classifier or disagrees with its labels."""
    _check_shape(model, network.input.shape)
    if model.manifest is None:
        coding = _foreign_coding(model, network.input)
        spec = _foreign_spec(model, network.input.shape)
    else:
        coding = _own_coding(model, network.input)
        spec = _own_spec(model, network.input.shape)
    scores, labels = _scores(model, network)
    return Tensors(spec, coding, scores, labels.labels, labels.background, _familiarity(model, network))


def representable(output: TensorInfo) -> tuple[float, float] | None:
    """The least and the greatest real value that a quantized output can have."""
    if output.scale <= 0 or output.dtype.kind not in "iu":
        return None
    limits = np.iinfo(output.dtype)
    return (
        (limits.min - output.zero_point) * output.scale,
        (limits.max - output.zero_point) * output.scale,
    )


def _check_shape(model: ModelFile, shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or not all(size in SIZES for size in shape[1:3]):
        raise ModelError(
            f"can't use the model {model.path}",
            f"its input has shape {_by(shape)}",
            "an image classifier takes 1×height×width×3",
        )


def _own_spec(model: ModelFile, shape: tuple[int, ...]) -> PreprocessSpec:
    assert model.manifest is not None  # noqa: S101
    spec = model.manifest.preprocess.spec()
    if (spec.height, spec.width) != (shape[1], shape[2]):
        why = f"its manifest says {spec.width}×{spec.height}, its input is {_by(shape)}"
        raise ModelError(f"can't use the model {model.path}", why)
    return spec


def _foreign_spec(model: ModelFile, shape: tuple[int, ...]) -> PreprocessSpec:
    said = model.given.settings
    plain = PreprocessSpec(width=shape[2], height=shape[1])
    return PreprocessSpec(
        plain.width, plain.height, said.fit or plain.fit, said.interpolation or plain.interpolation
    )


def _own_coding(model: ModelFile, tensor: TensorInfo) -> InputCoding:
    what = f"can't use the model {model.path}"
    coding = model.manifest.coding if model.manifest else None
    if coding is not None:
        return _coding(model, tensor, coding.mean, coding.std)
    if tensor.dtype != np.uint8:
        raise ModelError(what, f"its input is {tensor.dtype}, not uint8 RGB", "make it again")
    # a network that casts its input itself has no scale, which reads as 0
    if tensor.scale not in (0.0, 1.0) or tensor.zero_point != 0:
        raise ModelError(what, f"its input scale is {tensor.scale:g}, not 1", "make it again")
    return InputCoding("uint8")


def _foreign_coding(model: ModelFile, tensor: TensorInfo) -> InputCoding:
    said = model.given.settings
    coding = _coding(model, tensor, said.mean, said.std)
    if coding.clipped <= MAX_CLIPPED:
        return coding
    if not model.given.by_hand:
        # such metadata speaks of a float model that this one was made from
        return InputCoding(coding.dtype, coding.scale, coding.zero_point)
    why = f"its {coding.dtype} input (scale {tensor.scale:g}) can't hold most of {coding}"
    raise ModelError(f"can't use the model {model.path}", why, "leave out mean and std, or give others")


def _coding(model: ModelFile, tensor: TensorInfo, mean: Any, std: Any) -> InputCoding:
    kind, what = tensor.dtype.name, f"can't use the model {model.path}"
    if kind not in INPUT_TYPES:
        raise ModelError(what, f"its input is {kind}", f"give one with {', '.join(INPUT_TYPES)} input")
    if kind == "float32" and mean is None:
        why = "its input is float32, and nothing says how it was normalised"
        advice = (
            "give --mean and --std (127.5 and 127.5 for −1 to 1, 0 and 255 for 0 to 1, 0 and 1 for 0 to 255)"
        )
        raise ModelError(what, why, advice)
    return InputCoding(kind, tensor.scale, tensor.zero_point, mean, std)


def _scores(model: ModelFile, network: Network) -> tuple[TensorInfo, OutputLabels]:
    """The output with a value a label, wherever in the network's order it stands."""
    named = model.manifest.familiarity.output if model.manifest and model.manifest.familiarity else None
    outputs = [output for output in network.outputs if output.name != named]
    lists = [output for output in outputs if _size(output) == max(output.shape, default=0)]
    fitting = [(output, labels) for output in lists if (labels := _labels_of(model, output))]
    if not fitting:
        raise _no_scores(model, outputs, lists)
    if len(fitting) > 1:
        why = f"{len(fitting)} of its outputs have {len(model.labels)} values"
        raise ModelError(f"can't use the model {model.path}", why, "give one with one output of scores")
    return fitting[0]


def _no_scores(model: ModelFile, outputs: list[TensorInfo], lists: list[TensorInfo]) -> ModelError:
    if len(lists) < len(outputs) or not outputs:
        why = f"its outputs have shapes {' and '.join(_by(output.shape) for output in outputs)}"
        what, advice = f"can't use the model {model.path}", "an image classifier gives one score a label"
        return ModelError(what, why, advice)
    counts = " and ".join(str(_size(output)) for output in lists)
    most = max(map(_size, lists))
    if not model.labels:
        what, advice = f"the model {model.path} carries no labels", f"give --labels FILE with {most} lines"
        return ModelError(what, f"it has {counts} outputs", advice)
    what = f"the model {model.path} disagrees with its labels"
    return ModelError(what, f"{counts} outputs, {len(model.labels)} labels", f"give {most} labels")


def _labels_of(model: ModelFile, output: TensorInfo) -> OutputLabels | None:
    if not model.labels:
        return None
    if model.manifest is None:
        return output_labels(model.labels, _size(output), model.given.settings.background)
    background = model.manifest.coding.background if model.manifest.coding else None
    outputs = len(model.labels) + (background is not None)
    fits = _size(output) == outputs and (background is None or background < outputs)
    return OutputLabels(model.labels, background) if fits else None


def _familiarity(model: ModelFile, network: Network) -> TensorInfo | None:
    if model.manifest is None or model.manifest.familiarity is None:
        return None
    name = model.manifest.familiarity.output
    found = [output for output in network.outputs if output.name == name and _size(output) == 1]
    if len(found) != 1:
        why = f"its manifest says that {name!r} gives the familiarity, and there is no such output"
        raise ModelError(f"can't use the model {model.path}", why, "make it again with `make quantize`")
    return found[0]


def _size(output: TensorInfo) -> int:
    return int(np.prod(output.shape))


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)
