"""One error tree for training, under the project's own: what failed, why, what to do, exit code.

Each is the fitting built-in as well, so a caller who knows only Python can still catch it.
"""

from __future__ import annotations

from edge.errors import EdgeError


class TrainingError(EdgeError):
    """A stage of training failed."""


class DataError(TrainingError, ValueError):
    """The photographs can't be trained on as they are."""

    exit_code = 2


class AuditError(TrainingError, ValueError):
    """The audit found something, and it was asked to be strict."""

    exit_code = 2


class RunError(TrainingError, LookupError):
    """There is no such run, or it lacks what a stage needs."""

    exit_code = 2


class SettingsError(TrainingError, ValueError):
    """A training setting is unknown or out of range."""

    exit_code = 2


class MissingLibraryError(TrainingError, ImportError):
    """A library of the training extra is not installed."""


class WeightsError(TrainingError, RuntimeError):
    """The ImageNet weights can't be found, or are not what they should be."""


class ConversionError(TrainingError, RuntimeError):
    """The network can't be converted, or came out other than promised."""


class AcceptanceError(TrainingError, RuntimeError):
    """The quantized network is worse than allowed, so no model file is written."""


class ExportError(TrainingError, RuntimeError):
    """A network can't be exported, or an exported file is not what was trained."""


class DemoError(TrainingError, RuntimeError):
    """The demonstration can't run to its end."""
