"""The quantizers by name."""

from __future__ import annotations

from training.errors import SettingsError
from training.quantization.litert import LiteRtQuantizer
from training.quantization.recipe import Quantizer
from training.quantization.tf_converter import TensorFlowConverter

QUANTIZERS: dict[str, Quantizer] = {made.name: made for made in (TensorFlowConverter(), LiteRtQuantizer())}
DEFAULT_QUANTIZER = "tensorflow"


def find_quantizer(name: str) -> Quantizer:
    """The quantizer of that name; raises SettingsError."""
    if name not in QUANTIZERS:
        raise SettingsError(f"there is no quantizer {name!r}", "", f"take one of {', '.join(QUANTIZERS)}")
    return QUANTIZERS[name]
