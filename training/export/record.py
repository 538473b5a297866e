"""export.json: what lies in an export folder, and how each file was compared before it came there."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge.model.manifest import Preprocess
from training.export.exchange import INPUT, OUTPUT
from training.runs import Record


class ExportedFile(Record):
    """One file or folder; its hash is over all files in it. Its decisions were compared on `photographs`.

    agreement: the share decided as the trained network does. library: what loaded it for that.
    """

    format: str
    file: str
    bytes: int
    sha256: str
    library: str
    library_version: str
    photographs: int
    agreement: float
    largest_difference: float
    passed: bool
    temperature: float
    created: str


class RefusedFile(Record):
    """A format that the last export could not make, or whose file was not what was trained."""

    format: str
    why: str


class ExportRecord(Record):
    """export.json. input and output are the names of the float formats' ends; int8 is the agent's own file.

    The input is RGB, 0 to 255 as it is, of shape (batch, height, width, 3), made as `preprocess` says.
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    run: str
    labels: tuple[str, ...]
    input: str = INPUT
    output: str = OUTPUT
    preprocess: Preprocess
    files: tuple[ExportedFile, ...]
    refused: tuple[RefusedFile, ...] = ()
