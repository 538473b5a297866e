"""Where fine-tuning computes: one device, or several that share each batch (tf.distribute)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from training.errors import SettingsError
from training.libraries import keras, tensorflow


def prepare_devices(count: int) -> None:
    """Before TensorFlow starts: make parts of the CPU where there are fewer GPUs; raises SettingsError."""
    if count == 1:
        return
    tf = tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and len(gpus) < count:
        why = f"there are {len(gpus)} GPUs"
        raise SettingsError(f"can't train on {count} devices", why, f"give fine_tune.devices={len(gpus)}")
    if gpus:
        return
    (cpu,) = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        if len(tf.config.list_logical_devices("CPU")) < count:
            why, advice = "TensorFlow has already started with fewer", "train in a process of its own"
            raise SettingsError(f"can't make {count} devices of the CPU", why, advice) from error


def strategy(count: int) -> Any:
    """A tf.distribute strategy over the devices of `prepare_devices`."""
    tf = tensorflow()
    if count == 1:
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices[:count]])


@contextlib.contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Compute in float16 with float32 weights inside the block, where that is wanted and a GPU is there."""
    k = keras()
    before = k.mixed_precision.dtype_policy()
    if mixed and tensorflow().config.list_physical_devices("GPU"):
        k.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        k.mixed_precision.set_dtype_policy(before)
