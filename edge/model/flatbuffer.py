"""A reader of flatbuffers that trusts nothing: every offset and length is checked against the buffer.

tflite-runtime brings no flatbuffers package, and that one believes what a file says. Nothing here follows
pointers for longer than it is told to, so a damaged file ends in DamagedError and never in a hang.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# lists in lists may all be the same one: what a small file makes of them has to stay small
MAX_TABLES, MAX_FLOATS, MAX_TEXT = 256, 4096, 1000


class DamagedError(ValueError):
    """An offset or a length points outside the buffer."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a flatbuffer; fields go by the number that the schema gives them."""

    data: bytes
    place: int

    def table(self, field: int) -> Table | None:
        """The table that a field points to; None where the field is absent."""
        place = self._field(field)
        return None if place is None else Table(self.data, _follow(self.data, place))

    def tables(self, field: int, most: int = MAX_TABLES) -> tuple[Table, ...]:
        """The tables of a vector; none where the field is absent."""
        start, count = self._vector(field, 4, most)
        places = (start + 4 * number for number in range(count))
        return tuple(Table(self.data, _follow(self.data, place)) for place in places)

    def floats(self, field: int) -> tuple[float, ...]:
        """The float32 values of a vector."""
        start, count = self._vector(field, 4, MAX_FLOATS)
        return struct.unpack_from(f"<{count}f", self.data, start)

    def content(self, field: int) -> bytes:
        """The bytes of a vector of bytes."""
        start, count = self._vector(field, 1, len(self.data))
        return self.data[start : start + count]

    def text(self, field: int) -> str:
        """A string's first 1,000 bytes; what is not UTF-8 in it is replaced."""
        start, count = self._vector(field, 1, len(self.data))
        return self.data[start : start + min(count, MAX_TEXT)].decode("utf-8", "replace")

    def byte(self, field: int) -> int:
        """An 8-bit number, 0 where the field is absent."""
        place = self._field(field)
        return 0 if place is None else _number(self.data, "<B", place)

    def uint32(self, field: int) -> int:
        """A 32-bit number, 0 where the field is absent."""
        place = self._field(field)
        return 0 if place is None else _number(self.data, "<I", place)

    def check(self) -> None:
        """Raise DamagedError where the table, or one of its fields, is not all inside the buffer."""
        vtable = self.place - _number(self.data, "<i", self.place)
        vtable_bytes, table_bytes = _number(self.data, "<H", vtable), _number(self.data, "<H", vtable + 2)
        if vtable_bytes % 2 or vtable_bytes < 4 or vtable + vtable_bytes > len(self.data):
            raise DamagedError(f"the list of fields at {vtable} is outside")
        if table_bytes < 4 or self.place + table_bytes > len(self.data):
            raise DamagedError(f"the table at {self.place} is outside")
        offsets = struct.unpack_from(f"<{vtable_bytes // 2 - 2}H", self.data, vtable + 4)
        if any(offset >= table_bytes for offset in offsets):
            raise DamagedError(f"a field of the table at {self.place} is outside")

    def check_vector(self, field: int, item_bytes: int) -> None:
        """Raise DamagedError where a vector is not all inside the buffer."""
        self._vector(field, item_bytes, len(self.data))

    def check_text(self, field: int) -> None:
        """Raise DamagedError where a string is not all inside the buffer, with the 0 that ends it."""
        start, count = self._vector(field, 1, len(self.data))
        if start and _number(self.data, "<B", start + count):
            raise DamagedError(f"the text at {start} has no end")

    def _field(self, number: int) -> int | None:
        """Where a field lies; its number's place in the vtable says how far from the table's begin."""
        vtable = self.place - _number(self.data, "<i", self.place)
        entry = 4 + 2 * number
        if entry + 2 > _number(self.data, "<H", vtable):
            return None
        offset = _number(self.data, "<H", vtable + entry)
        return self.place + offset if offset else None

    def _vector(self, field: int, item_bytes: int, most: int) -> tuple[int, int]:
        """Where a vector's first item lies, and how many there are: all of them inside the buffer."""
        place = self._field(field)
        if place is None:
            return 0, 0
        start = _follow(self.data, place)
        count = _number(self.data, "<I", start)
        if count > most or start + 4 + count * item_bytes > len(self.data):
            raise DamagedError(f"a list of {count} items does not fit")
        return start + 4, count


def root(data: bytes) -> Table:
    """The first table of a flatbuffer; raises DamagedError, as each of its methods does."""
    return Table(data, _follow(data, 0))


def _follow(data: bytes, place: int) -> int:
    return place + _number(data, "<I", place)


def _number(data: bytes, form: str, place: int) -> int:
    if not 0 <= place <= len(data) - struct.calcsize(form):
        raise DamagedError(f"place {place} is outside")
    return int(struct.unpack_from(form, data, place)[0])
