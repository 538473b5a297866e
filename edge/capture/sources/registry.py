"""Which class a source needs. It is imported when it is asked for: most agents have one kind of source."""

from __future__ import annotations

from edge.capture.sources.address import Source
from edge.capture.sources.reader import CameraSource
from edge.capture.sources.reader import Opener as Opener
from edge.capture.sources.reader import Picture as Picture
from edge.capture.sources.reader import Reader as Reader
from edge.capture.sources.schemes import PATHS, SCHEMES
from edge.capture.sources.schemes import register_source as register_source
from edge.plugins import make_object


def make_opener(source: Source) -> Opener:
    """How to open the source; raises UsageError or ConfigError for options that it does not know."""
    known = SCHEMES[source.scheme] if source.scheme else PATHS[source.kind]
    made = make_object(
        known.target, CameraSource, source, known.settings, section=f"sources.{source.scheme or source.kind}"
    )
    has_probe = type(made).is_reachable is not CameraSource.is_reachable
    return Opener(made.open, made.is_reachable if has_probe else None, made.silence_s)
