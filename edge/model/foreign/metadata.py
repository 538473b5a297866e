"""What a TFLite network says of itself beside its weights: TFLite Metadata, and operations of its own.

Field numbers are those of schema.fbs (the network) and metadata_schema.fbs (the metadata in one of its
buffers). Score calibration and the rest of the metadata are not needed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.model.flatbuffer import DamagedError, Table, root

# schema.fbs
MODEL_OPERATOR_CODES, MODEL_BUFFERS, MODEL_METADATA = 1, 4, 6
OPERATOR_CUSTOM_CODE = 1
METADATA_NAME, METADATA_BUFFER, BUFFER_DATA = 0, 1, 0
ENTRY = "TFLITE_METADATA"
# metadata_schema.fbs
IDENTIFIER = b"M001"
SUBGRAPHS, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS = 3, 2, 3
TENSOR_PROCESS_UNITS, TENSOR_FILES = 4, 6
UNIT_OPTIONS_TYPE, UNIT_OPTIONS, NORMALIZATION_OPTIONS = 0, 1, 1
NORMALIZATION_MEAN, NORMALIZATION_STD = 0, 1
FILE_NAME, FILE_TYPE, FILE_LOCALE = 0, 2, 3
MAX_BUFFERS = 1_000_000
LABEL_FILES = (2, 3)  # TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS


@dataclass(frozen=True, slots=True)
class Metadata:
    """mean and std of the input, empty or one value a channel or one for all; names of packed label files."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    label_files: tuple[str, ...]


def read_metadata(network: bytes) -> Metadata | None:
    """The metadata of a network's first input and of its outputs; None without any, or if it is damaged."""
    try:
        content = _find_metadata(root(network))
        return _describe(root(content)) if content[4:8] == IDENTIFIER else None
    except DamagedError:
        return None


def custom_operations(network: bytes) -> tuple[str, ...]:
    """The names of operations that are none of TFLite's own; none where the network can't be read."""
    try:
        codes = root(network).tables(MODEL_OPERATOR_CODES)
        return tuple(dict.fromkeys(filter(None, (code.text(OPERATOR_CUSTOM_CODE) for code in codes))))
    except DamagedError:
        return ()


def _find_metadata(model: Table) -> bytes:
    buffers = model.tables(MODEL_BUFFERS, MAX_BUFFERS)
    for entry in model.tables(MODEL_METADATA):
        number = entry.uint32(METADATA_BUFFER)
        if entry.text(METADATA_NAME) == ENTRY and number < len(buffers):
            return buffers[number].content(BUFFER_DATA)
    return b""


def _describe(metadata: Table) -> Metadata | None:
    subgraphs = metadata.tables(SUBGRAPHS)
    if not subgraphs:
        return None
    mean, std = _read_normalisation(subgraphs[0].tables(SUBGRAPH_INPUTS)[:1])
    return Metadata(mean, std, _list_label_files(subgraphs[0].tables(SUBGRAPH_OUTPUTS)))


def _read_normalisation(inputs: tuple[Table, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    units = [unit for tensor in inputs for unit in tensor.tables(TENSOR_PROCESS_UNITS)]
    for unit in units:
        options = unit.table(UNIT_OPTIONS)
        if unit.byte(UNIT_OPTIONS_TYPE) == NORMALIZATION_OPTIONS and options is not None:
            return options.floats(NORMALIZATION_MEAN), options.floats(NORMALIZATION_STD)
    return (), ()


def _list_label_files(outputs: tuple[Table, ...]) -> tuple[str, ...]:
    """Those for all languages before the translated ones."""
    files = [file for tensor in outputs for file in tensor.tables(TENSOR_FILES)]
    labels = [file for file in files if file.byte(FILE_TYPE) in LABEL_FILES]
    return tuple(
        file.text(FILE_NAME) for file in sorted(labels, key=lambda file: bool(file.text(FILE_LOCALE)))
    )
