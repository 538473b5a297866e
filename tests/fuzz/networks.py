"""Damaged networks from elsewhere: no hash protects them, so only the process's life is asked for.

Kept apart from the rest: a changed weight may change scores here, and the runtimes' own C++ is what is tried.
"""

from __future__ import annotations

import struct
from random import Random

from tests.fuzz.damage import EXTREMES, Damage
from tests.fuzz.original import Original


def truncated(random: Random, original: Original) -> bytes:
    """The first part of a network."""
    return original.network[: random.randrange(8, len(original.network))]


def flipped(random: Random, original: Original) -> bytes:
    """One to eight bits of it turned."""
    changed = bytearray(original.network)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        changed[random.randrange(8, len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def extreme_number(random: Random, original: Original) -> bytes:
    """One or two aligned numbers set to extremes: offsets, sizes and indices are such numbers."""
    changed = bytearray(original.network)
    for _ in range(random.randint(1, 2)):
        place = 4 * random.randrange(2, len(changed) // 4)
        changed[place : place + 4] = struct.pack("<I", random.choice(EXTREMES))
    return bytes(changed)


def block_changed(random: Random, original: Original) -> bytes:
    """A block lost, zeroed or moved."""
    network = original.network
    start = random.randrange(8, len(network))
    end = min(len(network), start + random.choice((1, 4, 16, 64, 512)))
    rest = network[:start] + network[end:]
    place = random.randrange(8, len(rest))
    moved = rest[:place] + network[start:end] + rest[place:]
    return random.choice((rest, network[:start] + bytes(end - start) + network[end:], moved))


NETWORKS: dict[str, Damage] = {
    "a network cut off": truncated,
    "a network with bits turned": flipped,
    "a network with extreme numbers": extreme_number,
    "a network with a block changed": block_changed,
}
