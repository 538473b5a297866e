"""How long a network of some shape takes on the device's runtime: weights do not matter for that."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np

from training.cache import Cache
from training.features.extract import PREPARED_BY
from training.fit.trained_network import attach_head
from training.head.softmax_head import Head
from training.network.backbones.registry import build_backbone
from training.network.convert import to_uint8
from training.network.frozen_backbone import versions
from training.quantization.comparison import latency_ms

CPU_INFO = Path("/proc/cpuinfo")


def device_latency_ms(backbone: str, size: int, labels: int, cache: Cache) -> float:
    """Median time in ms of one int8 invocation on one thread of this machine; kept in the cache."""
    key = _key(backbone, size, labels)
    stored = cache.read([key]).get(key)
    if stored is None:
        network = build_backbone(backbone, size)
        zeros = np.zeros((labels, network.output_shape[-1]), np.float32)
        model = attach_head(network, Head(zeros.T, np.zeros(labels, np.float32), zeros), 0.0)
        pixels = np.zeros((2, size, size, 3), np.uint8)
        pixels[1] = 255
        stored = str(latency_ms(to_uint8(model, pixels))).encode()
        cache.write({key: stored})
    return float(stored)


def _key(backbone: str, size: int, labels: int) -> str:
    try:
        models = sorted(line for line in CPU_INFO.read_text().splitlines() if line.startswith("model name"))
    except OSError:
        models = []
    processor = f"{platform.machine()} {models[:1]} {sorted(versions(PREPARED_BY).items())}"
    what = f"{backbone} {size} {labels} {processor}"
    return "latency:" + hashlib.sha256(what.encode()).hexdigest()
