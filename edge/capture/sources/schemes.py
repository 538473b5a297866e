"""The kinds of camera address: which class reads which scheme. Light, as no reader is imported here.

A built-in scheme is one line of a table; `register_source` and `[sources.SCHEME]` in agent.toml add others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.errors import ConfigError
from edge.plugins import CLASS_KEY

# RFC 3986, section 3.1; only lower case, as addresses are compared as they are written.
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True, slots=True)
class SourceClass:
    """A subclass of CameraSource as `module:Class`, and its settings.

    local: its addresses hold no credentials, so they are shown whole.
    """

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    local: bool = False


_ROOM = "edge.capture.sources"
SCHEMES = {
    "rtsp": SourceClass(f"{_ROOM}.network_stream:NetworkStream"),
    "rtsps": SourceClass(f"{_ROOM}.network_stream:NetworkStream"),
    "http": SourceClass(f"{_ROOM}.mjpeg:HttpCamera"),
    "https": SourceClass(f"{_ROOM}.mjpeg:HttpCamera"),
    "usb": SourceClass(f"{_ROOM}.device:NamedDevice", local=True),
    "csi": SourceClass(f"{_ROOM}.libcamera:LibcameraCamera", local=True),
    "watch": SourceClass(f"{_ROOM}.watched_folder:WatchedFolder", local=True),
    "test": SourceClass(f"{_ROOM}.test_pattern:TestPattern", local=True),
}
# Addresses without a scheme, by the kind of what they name.
PATHS = {
    "device": SourceClass(f"{_ROOM}.device:NumberedDevice"),
    "file": SourceClass(f"{_ROOM}.video:VideoFile"),
    "folder": SourceClass(f"{_ROOM}.folder:ImageFolder"),
}


def register_source(scheme: str, target: str, settings: Mapping[str, Any] | None = None) -> None:
    """Make a live source known under its scheme; target: a subclass of CameraSource as `module:Class`.

    Raises ConfigError for a scheme that is none.
    """
    if not SCHEME.fullmatch(scheme):
        advice = "write it in lower-case letters and digits, a letter first"
        raise ConfigError(f"can't use [sources.{scheme}]", "its name is no scheme of an address", advice)
    SCHEMES[scheme] = SourceClass(target, settings or {})


def register_sources(sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Register what agent.toml has under `[sources.SCHEME]`; raises ConfigError for one without a class."""
    for scheme, section in sections.items():
        settings = {key: value for key, value in section.items() if key != CLASS_KEY}
        target = section.get(CLASS_KEY)
        if not isinstance(target, str) or not target:
            raise ConfigError(
                f"can't use [sources.{scheme}]", "it names no class", 'write class = "module:Class"'
            )
        register_source(scheme, target, settings)


def is_local(scheme: str) -> bool:
    """True if addresses of this scheme hold no credentials."""
    return scheme in SCHEMES and SCHEMES[scheme].local
