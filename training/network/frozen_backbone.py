"""The frozen backbone as a network for the device's runtime: converted once, then taken from the cache.

Where the cache has it, TensorFlow is not even imported.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from training.cache import Cache
from training.config import TrainConfig
from training.network import backbones, convert
from training.network.backbones.registry import find_backbone
from training.network.backbones.weights import load_backbone
from training.network.convert import to_float
from training.network.stored_weights import weights_bytes
from training.progress import Reporter

CONVERTERS = ("tensorflow", "tensorflow-cpu", "keras")


@dataclass(frozen=True, slots=True)
class FrozenBackbone:
    """network: float TFLite, RGB 0–255 of (1, size, size, 3) → features (1, channels).

    weights: the same as Keras weights in an npz. source: where they come from. fingerprint: equal where
    the network is.
    """

    network: bytes
    weights: bytes
    source: str
    fingerprint: str


def convert_backbone(config: TrainConfig, cache: Cache, reporter: Reporter) -> FrozenBackbone:
    """The backbone of a configuration; raises WeightsError or ConversionError."""
    key = _key(config)
    stored = cache.read([key]).get(key)
    if stored is None:
        reporter.note(f"converting {config.backbone} at {config.size} px (kept for next time)")
        loaded = load_backbone(config.backbone, config.size, config.weights, config.seed)
        stored = _packed(to_float(loaded.model), weights_bytes(loaded.model), loaded.source)
        cache.write({key: stored})
    return _unpacked(stored)


def _packed(network: bytes, weights: bytes, source: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, data in (("network", network), ("weights", weights), ("source", source.encode())):
            archive.writestr(name, data)
    return body.getvalue()


def _unpacked(stored: bytes) -> FrozenBackbone:
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        network, weights, source = (archive.read(name) for name in ("network", "weights", "source"))
    return FrozenBackbone(network, weights, source.decode(), hashlib.sha256(network).hexdigest())


def has_weights(config: TrainConfig) -> bool:
    """Whether the backbone begins with weights that somebody has trained."""
    return config.weights != "none" and find_backbone(config.backbone).pretrained


def _key(config: TrainConfig) -> str:
    """Everything that the converted backbone depends on; our own code that makes it is part of that."""
    what = {
        "backbone": config.backbone,
        "size": config.size,
        "weights": config.weights,
        "seed": None if has_weights(config) else config.seed,
        "made_by": versions(CONVERTERS),
        "code": _code_hash(),
    }
    return "backbone:" + hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The installed versions of some distributions; those that are not installed are left out."""
    installed = {}
    for name in names:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def _code_hash() -> str:
    files = [Path(convert.__file__), *Path(backbones.__path__[0]).glob("*.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()
