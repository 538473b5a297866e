"""What a camera address means: a device, a scheme such as rtsp://, a video, or a folder of images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.capture.sources.schemes import SCHEMES, is_local
from edge.errors import UsageError

NAME_AND_ADDRESS = re.compile(r"^([a-z0-9_-]+)=(.*)$", re.DOTALL)
# Linux gives video devices no higher numbers.
MAX_DEVICE = 255
# A query, a fragment, or what cheap cameras want in the path: rtsp://host/user=admin&password=…
SETTINGS = re.compile(r"([?#]|/(?=[^/?#]*=)).*", re.DOTALL)
STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https")


@dataclass(frozen=True, slots=True)
class Source:
    """Where frames come from. A live source never ends; a recording (`live` false) does.

    `kind` is device, stream, file, folder, or the address's own scheme. `address` may hold credentials: use
    `shown` in logs and messages.
    """

    kind: str
    address: str
    live: bool

    @property
    def scheme(self) -> str:
        """The address's scheme, empty where it has none."""
        return self.address.partition("://")[0] if "://" in self.address else ""

    @property
    def place(self) -> str:
        """The address without its scheme."""
        return self.address.rpartition("://")[2]

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return strip_credentials(self.address)


def split_name(text: str) -> tuple[str | None, str]:
    """`front=rtsp://…` → (`front`, `rtsp://…`); an address may itself hold `=`."""
    match = NAME_AND_ADDRESS.match(text)
    return (match[1], match[2]) if match else (None, text)


def parse_source(address: str) -> Source:
    """What an address stands for; raises UsageError where it stands for nothing."""
    try:
        scheme = urlsplit(address).scheme if "://" in address else ""
    except ValueError as error:
        what = f"can't use the camera {strip_credentials(address)}"
        raise UsageError(what, str(error), "check the address") from error
    if address.isdecimal() and int(address) > MAX_DEVICE:
        why = f"camera numbers end at {MAX_DEVICE}"
        raise UsageError(f"can't use the camera {address}", why, "give a smaller one")
    if address.isdecimal() or address.startswith("/dev/"):
        return Source("device", address, live=True)
    if scheme in SCHEMES:
        return Source("stream" if scheme in STREAM_SCHEMES else scheme, address, live=True)
    if scheme:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise UsageError(
            f"can't use the camera {strip_credentials(address)}", f"unknown {scheme}://", f"use {known}"
        )
    path = Path(address)
    if path.is_dir():
        return Source("folder", address, live=False)
    if path.is_file():
        return Source("file", address, live=False)
    advice = (
        "give a number (0), usb://name, csi://0, rtsp://…, http://…, a video, a folder of images or test://"
    )
    raise UsageError(f"can't use the camera {address!r}", "there is no such file, folder or device", advice)


def default_name(source: Source) -> str:
    """A camera name made from an address: `0` → `camera0`, `/tmp/Belt 2.mp4` → `belt-2`."""
    if source.address.isdecimal():
        return f"camera{source.address}"
    if source.kind == "stream":
        base = urlsplit(source.address).hostname or "camera"
    elif source.kind == "test":
        base = "test"
    elif source.kind == "usb":
        base = source.place or "usb"
    elif source.kind == "csi":
        base = f"csi{source.place.partition('?')[0]}"
    elif source.kind in ("folder", "watch"):
        base = Path(source.place).resolve().name
    else:
        # A device's link is its lasting name: what it points to changes from boot to boot.
        base = Path(source.address).stem
    return re.sub(r"[^a-z0-9_-]+", "-", base.lower()).strip("-")[:64] or "camera"


def strip_credentials(address: str) -> str:
    """The address without user and password, and without settings behind it that may hold a token."""
    scheme, separator, rest = address.partition("://")
    if not separator or is_local(scheme):
        return address
    # People write passwords with / ? # unescaped, so all before the last @ goes.
    return f"{scheme}://{SETTINGS.split(rest.rpartition('@')[2])[0]}"


def extract_credentials(address: str) -> tuple[str, ...]:
    """What `strip_credentials` leaves out of a network address."""
    scheme, separator, rest = address.partition("://")
    if not separator or is_local(scheme):
        return ()
    login, _, place = rest.rpartition("@")
    settings = SETTINGS.search(place)
    return tuple(part for part in (login, settings[0][1:] if settings else "") if part)
