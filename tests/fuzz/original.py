"""The file that is damaged, and how one with other packed files is put together."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.model.model_file import read_model

Entry = tuple[zipfile.ZipInfo, bytes]


@dataclass(frozen=True, slots=True)
class Original:
    """A model file as it should be: all of it, its network, and what is packed behind, by name."""

    data: bytes
    network: bytes
    packed: Mapping[str, bytes]

    @classmethod
    def of(cls, path: Path) -> Original:
        """The file at this path."""
        data = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            packed = {name: archive.read(name) for name in archive.namelist()}
        return cls(data, read_model(path).network, packed)

    def entries(self, **changed: bytes | None) -> list[Entry]:
        """Everything packed, with some entries' content replaced or (None) left out."""
        return [stored(name, body) for name, body in (self.packed | changed).items() if body is not None]

    def json(self, name: str) -> dict[str, Any]:
        """A packed JSON file as a dictionary of its own."""
        loaded: dict[str, Any] = json.loads(self.packed[name])
        return loaded

    def with_entries(self, entries: Iterable[Entry], comment: bytes = b"") -> bytes:
        """The same network with these entries packed behind it, whether or not they make sense."""
        body = io.BytesIO(self.network)
        with warnings.catch_warnings(), zipfile.ZipFile(body, "a") as archive:
            warnings.simplefilter("ignore", UserWarning)  # zipfile says that a name is there already
            archive.comment = comment
            for info, content in entries:
                archive.writestr(info, content)
        return body.getvalue()


def stored(name: str, content: bytes, method: int = zipfile.ZIP_STORED) -> Entry:
    """An entry of a zip with the date that model files have."""
    info = zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
    info.compress_type = method
    return info, content
