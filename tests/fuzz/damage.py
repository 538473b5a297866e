"""Damage to the bytes of a whole model file: what a disk, a network or a clumsy program does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from tests.fuzz.original import Original

LOCAL, DIRECTORY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
EXTREMES = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
Damage = Callable[[Random, Original], bytes]


def truncated(random: Random, original: Original) -> bytes:
    """Cut off anywhere, often near the end or near the network's."""
    data = original.data
    near = random.choice([random.randrange(len(data)), len(data), len(original.network)])
    return data[: max(0, min(len(data) - 1, near + random.randint(-40, 40)))]


def flipped(random: Random, original: Original) -> bytes:
    """One to eight bits turned anywhere in the file."""
    return _flip(random, original.data, range(len(original.data)))


def flipped_directory(random: Random, original: Original) -> bytes:
    """One to four bits turned in the zip's headers, where little protects them."""
    data = original.data
    places = [
        place + offset
        for mark, size in ((LOCAL, 46), (DIRECTORY, 60), (END, 22))
        for place in places_of(data, mark)
        for offset in range(size)
        if place + offset < len(data)
    ]
    return _flip(random, data, random.choices(places, k=4))


def extreme_number(random: Random, original: Original) -> bytes:
    """A number in the zip's headers set to an extreme: 4 GiB, −1, none."""
    data = bytearray(original.data)
    mark, offsets = random.choice(
        [
            (LOCAL, (6, 8, 14, 18, 22, 26, 28)),
            (DIRECTORY, (8, 10, 16, 20, 24, 28, 30, 32, 34, 38, 42)),
            (END, (4, 6, 8, 10, 12, 16, 20)),
        ]
    )
    for _ in range(random.randint(1, 2)):
        place = random.choice(places_of(original.data, mark)) + random.choice(offsets)
        number = struct.pack("<I", random.choice(EXTREMES))[: random.choice((2, 4))]
        data[place : place + len(number)] = number
    return bytes(data)


def block_changed(random: Random, original: Original) -> bytes:
    """A block zeroed, lost, doubled, moved or filled with noise."""
    data = original.data
    start = random.randrange(len(data))
    end = min(len(data), start + random.choice((1, 4, 16, 512, 4096)))
    block = data[start:end]
    kind = random.randrange(5)
    if kind == 4:
        rest = data[:start] + data[end:]
        place = random.randrange(len(rest) + 1)
        return rest[:place] + block + rest[place:]
    instead = (bytes(len(block)), b"", block * 2, random.randbytes(len(block)))[kind]
    return data[:start] + instead + data[end:]


def more_behind(random: Random, original: Original) -> bytes:
    """Something appended: noise, another end record, the file's own end, another zip."""
    data = original.data
    end_record = data[data.rindex(END) :]
    tail = data[len(original.network) :]
    changed = bytearray(end_record)
    changed[random.randrange(4, 22)] ^= 1 << random.randrange(8)
    more = (
        random.randbytes(random.randint(1, 300)),
        end_record,
        bytes(changed),
        tail,
        original.network,
        data,
    )
    return data + random.choice(more)


def _flip(random: Random, data: bytes, places: range | list[int]) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        changed[random.choice(places)] ^= 1 << random.randrange(8)
    return bytes(changed)


def places_of(data: bytes, mark: bytes) -> list[int]:
    found, place = [], data.find(mark)
    while place >= 0:
        found.append(place)
        place = data.find(mark, place + 1)
    return found


DAMAGES: dict[str, Damage] = {
    "cut off": truncated,
    "bits turned": flipped,
    "bits turned in the zip's headers": flipped_directory,
    "4 GiB and other extremes in the zip's headers": extreme_number,
    "a block lost, doubled, moved or overwritten": block_changed,
    "more behind the end": more_behind,
}
