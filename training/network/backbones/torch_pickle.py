"""Read the tensors of a legacy torch pickle without torch, and without trusting it.

The format: three small pickles (magic number, protocol version, machine facts), the state dictionary as a
pickle whose storages are persistent ids, a pickled list of storage keys, then for each key its element
count (int64) and its raw little-endian bytes. Every name that the pickles may refer to is listed here;
anything else is refused, so loading can't run foreign code.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import WeightsError

MAGIC = 0x1950A86A20F9469CFC6C
STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
MAX_ELEMENTS = 200_000_000
DAMAGE = (pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError)


def read_tensors(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """Tensors by name, in the file's order; raises WeightsError for a foreign or damaged file."""
    try:
        return _read(io.BytesIO(data))
    except DAMAGE as error:
        why, advice = str(error), "install their package again"
        raise WeightsError(f"can't read the weights {name}", why, advice) from error


class _AllowListUnpickler(pickle.Unpickler):
    """Knows three kinds of names; storages are made empty and filled by the caller."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in STORAGE_TYPES:
            return STORAGE_TYPES[name]
        raise pickle.UnpicklingError(f"it refers to {module}.{name}, which weights have no use for")

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        kind, dtype, key, _place, count, _view = pid
        if kind != "storage" or not 0 <= count <= MAX_ELEMENTS:
            raise pickle.UnpicklingError(f"it has a storage of {count} elements")
        return self.storages.setdefault(key, np.zeros(count, dtype))


def _read(stream: io.BytesIO) -> dict[str, NDArray[Any]]:
    if _AllowListUnpickler(stream).load() != MAGIC:
        raise pickle.UnpicklingError("it is not a legacy torch file")
    _AllowListUnpickler(stream).load()
    _AllowListUnpickler(stream).load()
    unpickler = _AllowListUnpickler(stream)
    tensors = unpickler.load()
    for key in _AllowListUnpickler(stream).load():
        storage = unpickler.storages[key]
        count = int.from_bytes(stream.read(8), "little")
        raw = stream.read(storage.nbytes)
        if count != storage.size or len(raw) != storage.nbytes:
            raise pickle.UnpicklingError("it is cut off")
        storage[:] = np.frombuffer(raw, storage.dtype)
    return {str(name): np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _tensor(
    storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> NDArray[Any]:
    """A view that is filled when its storage is; raises ValueError where it reaches outside of it."""
    reach = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if offset < 0 or min((*size, *stride, 0)) < 0 or reach >= storage.size:
        raise ValueError("a tensor reaches outside its storage")
    strides = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides)
