"""Malice behind a whole network: packed files that lie, hide, swell, or do not mean what they should."""

from __future__ import annotations

import functools
import json
import struct
import zipfile
import zlib
from random import Random
from typing import Any

from edge.model.model_file import LABELS, MANIFEST, SELFTEST
from tests.fuzz.damage import DIRECTORY, LOCAL, Damage, places_of
from tests.fuzz.original import Entry, Original, stored

NAMES = (
    *("../../escaped", "../escaped.png", "/escaped", "selftest/../../../escaped", "C:\\escaped", "..\\x"),
    *("./manifest.json", "MANIFEST.JSON", "selftest/", "/manifest.json", "a" * 5000, "labels.txt/", "."),
    *("selftest/red.png\x00.txt", "~/escaped", "labels2.txt", "more_labels.txt", "con", "\n", "\u202e"),
)
BOMB = 50_000_000
SYMLINK, CHARACTER_DEVICE = 0o120777 << 16, 0o020666 << 16
METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
WRONG: tuple[Any, ...] = (
    *(None, True, False, -2, 7, 1e308, -1e308, 10**400, 2**63, "", "0.5", "x" * 100_000, [], {}, [[]]),
    *(float("nan"), float("inf"), float("-inf"), "\ud800", "\x00", {"a": {"b": {}}}, ["a", "a"], ["a"]),
)
BAD_LABELS = (
    *(b"", b"\n", b"\xff\xfe\x00", b"blue\n\nred\n", b"blue\ngreen\n", b"blue\ngreen\nred\nyellow\n"),
    *(
        b"blue\ngreen\ngreen\n",
        b"blue\ngreen\nre\x00d\n",
        b"blue\ngreen\nred\x1b[2J\n",
        b"red\ngreen\nblue\n",
    ),
    *(b"blue\x0bgreen\x0bred\n", b"blue\x85green\nred\n", "blue\u2028green\nred\n".encode(), b"\xef\xbb\xbf"),
    *("blue\ngreen\nred\u202e\n".encode(), b"blue\tgreen\nred\n", b"blue\ngreen\nred" + b" x" * 200_000),
)


def odd_names(random: Random, original: Original) -> bytes:
    """An entry more, or one renamed, that would like to be somewhere else."""
    entries, name = original.entries(), random.choice(NAMES)
    if random.random() < 0.5:
        entries.append(
            stored(name, random.choice((b"x", original.packed[MANIFEST], original.packed[LABELS])))
        )
    else:
        place = random.randrange(len(entries))
        entries[place] = stored(name, entries[place][1])
    return original.with_entries(entries)


def twice(random: Random, original: Original) -> bytes:
    """Two entries of one name that say different things, before or after."""
    name = random.choice([*original.packed])
    manifest, selftest = original.json(MANIFEST), original.json(SELFTEST)
    other = {
        MANIFEST: json.dumps(manifest | {"threshold": 1.0, "version": "2"}).encode(),
        LABELS: b"red\ngreen\nblue\n",
        SELFTEST: json.dumps(selftest | {"vectors": []}).encode(),
    }.get(name, random.choice([*original.packed.values()]))
    entries = original.entries()
    entries.insert(random.choice((0, len(entries))), stored(name, other))
    return original.with_entries(entries)


def odd_attributes(random: Random, original: Original) -> bytes:
    """An entry that claims to be a link, a device, a folder, encrypted, patched or in another encoding."""
    entries = original.entries()
    info, _ = random.choice(entries)
    info.external_attr = random.choice((SYMLINK, CHARACTER_DEVICE, 0x10, 0))
    data = bytearray(
        original.with_entries(entries, random.choice((b"", b"PK\x05\x06" + bytes(18), b"x" * 500)))
    )
    for mark, offset in ((LOCAL, 6), (DIRECTORY, 8)):
        place = random.choice(places_of(bytes(data), mark)) + offset
        data[place : place + 2] = struct.pack("<H", random.choice((0, 0, 1, 8, 0x20, 0x40, 0x800, 0x2000)))
    return bytes(data)


def swelling(random: Random, original: Original) -> bytes:
    """A compressed entry, small or a bomb, honest or lying about its size."""
    name = random.choice([*original.packed, "more.txt", "selftest/more.png"])
    swollen = random.random() < 0.2
    content = bytes(BOMB if swollen else 1000)
    if not swollen and random.random() < 0.5:
        content = original.packed.get(name, content)
    method = zipfile.ZIP_DEFLATED if swollen else random.choice(METHODS)
    entries = [*original.entries(**{name: None}), stored(name, content, method)]
    data = bytearray(original.with_entries(entries))
    if random.random() < 0.5:
        claim = struct.pack("<I", random.choice((0, 1, 64, len(content) // 2, 0xFFFFFFFF)))
        for mark, offset in ((LOCAL, 22), (DIRECTORY, 24)):
            place = places_of(bytes(data), mark)[-1] + offset
            data[place : place + 4] = claim
    return bytes(data)


def bad_manifest(random: Random, original: Original) -> bytes:
    """Some value of the manifest, however deep, missing or of a kind that can't be right."""
    manifest = original.json(MANIFEST)
    _spoil(random, manifest)
    return _with(original, MANIFEST, json.dumps(manifest).encode())


def no_manifest(random: Random, original: Original) -> bytes:
    """Something that is no manifest where it should be."""
    text = original.packed[MANIFEST]
    instead = (
        *(b"", b"null", b"[]", b"{}", b"1", b'"' + b"x" * 1000, b"[" * 100_000, b'{"a":' * 50_000),
        *(b"\xff" + text, b"\xef\xbb\xbf" + text, text[:-1], text[: len(text) // 2], text * 2, text + b"\0"),
        *(
            text.decode().encode("utf-16"),
            b"1" * 100_000,
            b"NaN",
            text.replace(b'"', b"'"),
            b"{" + text + b"}",
        ),
    )
    return _with(original, MANIFEST, random.choice(instead))


def bad_labels(random: Random, original: Original) -> bytes:
    """A label list that is not the manifest's, or the same wrong one in both places."""
    content = random.choice(BAD_LABELS)
    if random.random() < 0.5:
        return _with(original, LABELS, content)
    labels = content.decode("utf-8", "surrogateescape").split("\n")
    manifest = original.json(MANIFEST) | {"labels": labels}
    if labels[:3] == ["red", "green", "blue"]:  # nobody can know, where both say so
        return _with(original, LABELS, content)
    return original.with_entries(
        original.entries(**{LABELS: content, MANIFEST: json.dumps(manifest).encode()})
    )


def bad_selftest(random: Random, original: Original) -> bytes:
    """A self-test whose numbers can't be right."""
    selftest = original.json(SELFTEST)
    kind = random.randrange(4)
    vector = random.choice(selftest["vectors"])
    if kind == 0:
        vector["image"] = random.choice(("selftest/none.png", "../escaped.png", "/etc/passwd", LABELS, ""))
    elif kind == 1:
        vector["scores"] = random.choice(([], [0.5], [0.1] * 4, [0.0] * 100_000, ["a"] * 3, [[1.0]] * 3))
    elif kind == 2:
        selftest["vectors"] = selftest["vectors"] * random.choice((50, 300))
    else:
        _spoil(random, selftest)
    return _with(original, SELFTEST, json.dumps(selftest).encode())


def bad_pictures(random: Random, original: Original) -> bytes:
    """Self-test pictures that are damaged, empty, enormous or something else."""
    name = random.choice([name for name in original.packed if name.endswith(".png")])
    picture = original.packed[name]
    changed = bytearray(picture)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    sides = random.choice(((1, 1), (65535, 65535), (2**31 - 1, 1), (30_000, 30_000), (0, 0), (10_000, 5_000)))
    contents = (
        *(b"", b"\x89PNG", picture[: random.randrange(len(picture))], bytes(changed), original.network),
        *(_claiming(*sides, picture), _black(*sides), b"GIF89a" + bytes(50), b"BM" + b"\xff" * 60),
    )
    return _with(original, name, random.choice(contents))


def _claiming(width: int, height: int, picture: bytes) -> bytes:
    """A PNG that claims another size than its pixels have."""
    return picture[:8] + _chunk(b"IHDR", _header(width, height)) + picture[33:]


@functools.cache
def _black(width: int, height: int) -> bytes:
    """A PNG of black pixels, a few hundred kB of them at most."""
    pixels = zlib.compress(bytes(min(4 * BOMB, height * (1 + 3 * width))), 1)
    chunks = _chunk(b"IHDR", _header(width, height)) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _header(width: int, height: int) -> bytes:
    return struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _spoil(random: Random, record: dict[str, Any]) -> None:
    """Replace or remove one value, a level down where there is one and chance says so."""
    name = random.choice([*record])
    value = record[name]
    if isinstance(value, dict) and value and random.random() < 0.7:
        _spoil(random, value)
    elif random.random() < 0.1:
        del record[name]
    else:
        record[name] = random.choice(WRONG)


def _with(original: Original, name: str, content: bytes) -> bytes:
    entries: list[Entry] = original.entries(**{name: content})
    return original.with_entries(entries)


MALICE: dict[str, Damage] = {
    "names that lead elsewhere": odd_names,
    "two entries of one name": twice,
    "links, encryption, comments": odd_attributes,
    "compressed entries and bombs": swelling,
    "a manifest with wrong values": bad_manifest,
    "no manifest in its place": no_manifest,
    "bad label lists": bad_labels,
    "bad self-test numbers": bad_selftest,
    "bad self-test pictures": bad_pictures,
}
