"""The one file that is shipped: a TFLite network with labels, manifest and self-test in a zip at its end.

Any TFLite reader reads the network, any zip reader the rest. Entries are stored uncompressed (MediaPipe
refuses compressed ones). Files from elsewhere have no manifest: `foreign` knows what they may say instead.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge.errors import ModelError
from edge.input_settings import InputSettings
from edge.model.foreign.description import (
    NO_SETTINGS,
    UNKNOWN_INPUT,
    ForeignSources,
    KnownInput,
    describe,
    is_archive,
    read_archive,
    refuse_settings,
)
from edge.model.labels import label_lines, read_labels
from edge.model.manifest import Manifest, Selftest

LABELS, MANIFEST, SELFTEST = "labels.txt", "manifest.json", "selftest/index.json"
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_ENTRIES = 64
MAX_SELFTEST_PIXELS = 1 << 26
ADVICE = "copy the file again, or make it again with `make quantize`"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file read and verified.

    network: the TFLite flatbuffer. manifest and selftest are None for files from elsewhere; labels may
    be empty then, and `given` is what is known of the input. selftest_images: PNG bytes by entry name.
    """

    path: Path
    network: bytes
    sha256: str
    labels: tuple[str, ...]
    manifest: Manifest | None
    selftest: Selftest | None
    selftest_images: Mapping[str, bytes]
    given: KnownInput = UNKNOWN_INPUT

    @property
    def name(self) -> str:
        """The model's name: the manifest's, else the file's."""
        return self.manifest.name if self.manifest else self.path.stem

    @property
    def version(self) -> str:
        """The model's version, `0` where the file states none."""
        return self.manifest.version if self.manifest else "0"


def read_model(
    path: Path, labels_path: Path | None = None, settings: InputSettings = NO_SETTINGS
) -> ModelFile:
    """Read a model file and verify its hash and its labels; raises ModelError.

    labels_path and settings are for files from elsewhere, which may not say these things themselves.
    """
    data, archived = read_bytes(path), None
    if path.is_symlink():  # a link to one of several versions: that one's name and side-car count
        path = path.resolve()
    if is_archive(data):
        archived = read_archive(path, data, MAX_FILE_BYTES)
        data = archived.network
    entries, network_size = _read_entries(path, _check_whole(path, data))
    network = data[:network_size]
    sha256 = hashlib.sha256(network).hexdigest()
    manifest = _parse_manifest(path, entries, sha256)
    if manifest is None:
        texts = {
            name: _decode_text(path, name, body) for name, body in entries.items() if name.endswith(".txt")
        }
        labels, given = describe(path, network, ForeignSources(texts, labels_path, settings, archived))
        return ModelFile(path, network, sha256, labels, None, None, {}, given)
    refuse_settings(path, settings)
    if labels_path and read_labels(labels_path) != manifest.labels:
        raise ModelError(
            f"{labels_path} disagrees with {path}",
            "the model file carries other labels",
            "leave out --labels",
        )
    images = {name: body for name, body in entries.items() if name.endswith(".png")}
    selftest = _parse_selftest(path, entries)
    return ModelFile(path, network, sha256, manifest.labels, manifest, selftest, images)


def write_model(
    path: Path, network: bytes, manifest: Manifest, selftest: Selftest | None, images: Mapping[str, bytes]
) -> None:
    """Write a model file whole or not at all: to a temporary file beside it, synced, then renamed."""
    entries = {
        LABELS: "\n".join(manifest.labels).encode() + b"\n",
        MANIFEST: manifest.model_dump_json(by_alias=True, indent=1).encode(),
    }
    if selftest:
        entries[SELFTEST] = selftest.model_dump_json().encode()
        entries |= images
    body = io.BytesIO(network)
    with zipfile.ZipFile(body, "a", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0)), content)
    write_atomically(path, body.getvalue())


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's content in one step that survives a power cut; raises OSError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:  # never through a link that somebody has put there
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_bytes(path: Path) -> bytes:
    """A model file as it is; raises ModelError where it can't be read or is too large."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"can't use the model {path}", f"it is larger than {MAX_FILE_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        advice = "check the path, or make a model with `make train quantize DATA=photos/`"
        raise ModelError(f"can't read the model {path}", error.strerror or str(error), advice) from error
    return data


def _check_whole(path: Path, data: bytes) -> bytes:
    if data[4:8] != b"TFL3":
        raise ModelError(f"can't use the model {path}", "it is not a TFLite file", "give a .tflite file")
    return data


def _read_entries(path: Path, data: bytes) -> tuple[dict[str, bytes], int]:
    """The zip's entries and the size of the network before them."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        if MANIFEST.encode() in data:
            raise ModelError(f"the model {path} is damaged", "its packed files are cut off", ADVICE)
        return {}, len(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_ENTRIES or sum(info.file_size for info in infos) > len(data):
                why = "its packed files claim too much room"
                raise ModelError(f"the model {path} is damaged", why, ADVICE)
            if len({info.filename for info in infos}) != len(infos):
                raise ModelError(f"the model {path} is damaged", "two packed files have one name", ADVICE)
            if len(infos) != _count_claimed_entries(data):
                why = "its list of packed files is cut off"
                raise ModelError(f"the model {path} is damaged", why, ADVICE)
            entries = {info.filename: archive.read(info) for info in infos}
    except ModelError:
        raise
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError) as error:
        raise ModelError(f"the model {path} is damaged", str(error), ADVICE) from error
    network_size = min((info.header_offset for info in infos), default=len(data))
    if MANIFEST not in entries and MANIFEST.encode() in data[:network_size]:
        raise ModelError(f"the model {path} is damaged", f"its {MANIFEST} is missing", ADVICE)
    return entries, network_size


def _count_claimed_entries(data: bytes) -> int:
    """How many entries the zip's end record claims; a damaged directory may yield fewer."""
    end_record = data.rfind(b"PK\x05\x06")
    return int.from_bytes(data[end_record + 10 : end_record + 12], "little")


def _parse_manifest(path: Path, entries: Mapping[str, bytes], sha256: str) -> Manifest | None:
    if MANIFEST not in entries:
        return None
    try:
        manifest = Manifest.model_validate_json(entries[MANIFEST])
    except ValidationError as error:
        why = f"its manifest is invalid: {describe_first_error(error)}"
        raise ModelError(f"can't use the model {path}", why, ADVICE) from error
    if manifest.model_sha256 != sha256:
        raise ModelError(f"the model {path} is damaged", "its content does not match its own hash", ADVICE)
    packed = _decode_text(path, LABELS, entries.get(LABELS, b"no labels"))
    if label_lines(packed, f"{path}:{LABELS}") != manifest.labels:
        raise ModelError(f"the model {path} is damaged", "labels.txt and manifest.json disagree", ADVICE)
    return manifest


def _parse_selftest(path: Path, entries: Mapping[str, bytes]) -> Selftest | None:
    if SELFTEST not in entries:
        return None
    try:
        selftest = Selftest.model_validate_json(entries[SELFTEST])
    except ValidationError as error:
        why = f"its self-test is invalid: {describe_first_error(error)}"
        raise ModelError(f"can't use the model {path}", why, ADVICE) from error
    missing = [vector.image for vector in selftest.vectors if vector.image not in entries]
    if missing:
        raise ModelError(f"the model {path} is damaged", f"its self-test lacks {missing[0]}", ADVICE)
    for vector in selftest.vectors:
        if _count_png_pixels(entries[vector.image]) > MAX_SELFTEST_PIXELS:
            raise ModelError(f"can't use the model {path}", f"{vector.image} claims too many pixels", ADVICE)
    return selftest


def _count_png_pixels(picture: bytes) -> int:
    """Width times height as a PNG's header has them; looked at before anybody makes room for them."""
    return int.from_bytes(picture[16:20], "big") * int.from_bytes(picture[20:24], "big")


def _decode_text(path: Path, name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"can't read {path}:{name}", "it is not UTF-8", ADVICE) from error


def describe_first_error(error: ValidationError) -> str:
    """The first finding of a validation, as `key: reason`."""
    finding = error.errors()[0]
    where = ".".join(str(part) for part in finding["loc"]) or json.dumps("root")
    return f"{where}: {finding['msg']}"
