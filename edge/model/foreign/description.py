"""Model files from elsewhere: what their metadata, a zip around them and a side-car say of them.

Whoever speaks first is believed: the command line, agent.toml, the side-car, the metadata; Teachable
Machine's zip says nothing but is always made the same way.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelError
from edge.input_settings import InputSettings, normalisation
from edge.model.flatbuffer import DamagedError
from edge.model.foreign.metadata import custom_operations, read_metadata
from edge.model.labels import MAX_LABELS_BYTES, parse_labels, read_labels
from edge.model.structure import check_structure

MAX_ARCHIVE_ENTRIES = 64
EDGE_TPU, DETECTION = "edgetpu-custom-op", "TFLite_Detection_PostProcess"
MACOS_FOLDER = "__MACOSX/"  # where its own zips keep a shadow of each file
ARCHIVE_START = b"PK\x03\x04"
TEACHABLE_MACHINE = InputSettings(mean=(127.5,) * 3, std=(127.5,) * 3)
# NotImplementedError, a RuntimeError, is what zipfile says to a compression that it does not know
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class KnownInput:
    """What is known of a foreign model's input, and whether somebody said its mean and std (`by_hand`)."""

    settings: InputSettings
    by_hand: bool = False


NO_SETTINGS = InputSettings()
UNKNOWN_INPUT = KnownInput(NO_SETTINGS)


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip as Teachable Machine exports it: the network, and the text of its label list."""

    network: bytes
    labels: str | None


def is_archive(data: bytes) -> bool:
    """Whether this is a zip from its first byte on, unlike a network with a zip at its end."""
    return data[:4] == ARCHIVE_START and zipfile.is_zipfile(io.BytesIO(data))


def read_archive(path: Path, data: bytes, max_bytes: int) -> Archive:
    """The one network in a zip and its labels, read in memory; raises ModelError."""
    what = f"can't use the model {path}"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [info for info in archive.infolist() if not info.filename.startswith(MACOS_FOLDER)]
            networks = [info for info in files if info.filename.endswith(".tflite")]
            texts = [info for info in files if info.filename.endswith("labels.txt")]
            if len(networks) != 1 or len(files) > MAX_ARCHIVE_ENTRIES:
                why = f"the zip holds {len(networks)} .tflite files"
                raise ModelError(what, why, "give a zip with one, or the .tflite file itself")
            if networks[0].file_size > max_bytes or sum(t.file_size for t in texts) > MAX_LABELS_BYTES:
                raise ModelError(what, "its packed files claim too much room", "unpack it and look")
            labels = archive.read(texts[0]).decode("utf-8") if texts else None
            return Archive(archive.read(networks[0]), labels)
    except ModelError:
        raise
    except ZIP_ERRORS as error:
        raise ModelError(what, f"the zip is damaged: {error}", "download it again") from error


@dataclass(frozen=True, slots=True)
class ForeignSources:
    """All that is said of a network outside of it: packed label lists by name, this run's options, a zip."""

    label_texts: Mapping[str, str]
    labels_path: Path | None
    settings: InputSettings
    archive: Archive | None = None


def describe(path: Path, network: bytes, sources: ForeignSources) -> tuple[tuple[str, ...], KnownInput]:
    """A foreign network's labels, maybe none, and what is known of its input; raises ModelError."""
    try:
        check_structure(network)
    except DamagedError as error:
        raise ModelError(f"the model {path} is damaged", str(error), "make or download it again") from error
    refuse_by_operations(path, network)
    from edge.model.foreign.sidecar import read_sidecar  # one more pydantic class: 2 ms at each start

    sidecar, metadata = read_sidecar(path), read_metadata(network)
    said = sources.settings.over(sidecar)
    own = None if metadata is None else normalisation(metadata.mean, metadata.std)
    known = said.over(own or (TEACHABLE_MACHINE if sources.archive else NO_SETTINGS))
    labels_path = sources.labels_path or (sidecar.labels and path.parent / sidecar.labels)
    named = metadata.label_files if metadata else ()
    labels = read_labels(labels_path) if labels_path else _packed_labels(path, named, sources)
    return labels, KnownInput(known, by_hand=said.mean is not None)


def refuse_by_operations(path: Path, network: bytes) -> None:
    """Raise ModelError where a network's own operations tell that it is none for us."""
    operations, what = custom_operations(network), f"can't use the model {path}"
    if EDGE_TPU in operations:
        advice = "take the file from before the compiler (Teachable Machine: Quantized, or Floating point)"
        raise ModelError(what, "it is compiled for Coral's Edge TPU", advice)
    if DETECTION in operations:
        raise ModelError(what, "it finds objects in a picture", "give one that classifies pictures")


def _packed_labels(path: Path, named: Sequence[str], sources: ForeignSources) -> tuple[str, ...]:
    if sources.archive and sources.archive.labels is not None:
        return parse_labels(sources.archive.labels, f"{path}:labels.txt")
    texts = sources.label_texts
    names = [name for name in named if name in texts] + [name for name in texts if "label" in name.lower()]
    return parse_labels(texts[names[0]], f"{path}:{names[0]}") if names else ()


def refuse_settings(path: Path, settings: InputSettings) -> None:
    """Raise ModelError where somebody says how to read one of our own files, which says so itself."""
    sidecar = path.with_suffix(".toml")
    if settings.said:
        why = f"its own manifest says how pictures go in, and {settings.said[0]} is given as well"
        raise ModelError(f"can't use the model {path} like this", why, f"leave out {settings.said[0]}")
    if sidecar.is_file():
        why = f"its own manifest says how pictures go in, and {sidecar} says so as well"
        raise ModelError(f"can't use the model {path} like this", why, f"remove {sidecar}")
