"""Does every pointer of a TFLite network stay inside the file? LiteRT looks itself, tflite-runtime does not.

What a file's sound pointers lead to (shapes, indices, operations) remains for the runtime to judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.model.flatbuffer import DamagedError, Table, root

# Which fields of schema.fbs are pointers, by table: to tables of a kind, to one, to text, or to a vector of
# items of so many bytes. All others are numbers in the table itself.
TABLES: dict[str, dict[int, str]] = {
    "model": {1: "code", 2: "graph", 4: "buffer", 6: "metadata", 7: "signature"},
    "graph": {0: "tensor", 3: "operator"},
    "signature": {0: "tensor_name", 1: "tensor_name"},
}
TABLE: dict[str, dict[int, str]] = {"tensor": {4: "quantization", 6: "sparsity"}, "operator": {4: "options"}}
TEXT: dict[str, tuple[int, ...]] = {
    "model": (3,),
    "code": (1,),
    "graph": (4,),
    "tensor": (3,),
    "metadata": (0,),
    "signature": (2,),
    "tensor_name": (0,),
}
VECTORS: dict[str, dict[int, int]] = {
    "model": {5: 4},
    "graph": {1: 4, 2: 4},
    "tensor": {0: 4, 7: 4},
    "quantization": {0: 4, 1: 4, 2: 4, 3: 8},
    "operator": {1: 4, 2: 4, 5: 1, 7: 1, 8: 4},
    "buffer": {0: 1},
    "sizes": {0: 4},
}
OPTIONS_TYPE, OPTIONS_WITH_SIZES = 3, (17, 30)  # ReshapeOptions and SqueezeOptions begin with a vector


@dataclass(slots=True)
class _Walk:
    """Through all tables, once each; the budget ends what a small file makes endless."""

    budget: int
    seen: set[tuple[int, str]] = field(default_factory=set)

    def visit(self, table: Table, kind: str) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise DamagedError("its lists are longer than the file")
        if (table.place, kind) in self.seen:
            return
        self.seen.add((table.place, kind))
        table.check()
        for number, item_bytes in VECTORS.get(kind, {}).items():
            table.check_vector(number, item_bytes)
        for number in TEXT.get(kind, ()):
            table.check_text(number)
        self._descend(table, kind)

    def _descend(self, table: Table, kind: str) -> None:
        for number, below in TABLE.get(kind, {}).items():
            pointed = table.table(number)
            if pointed is not None:
                has_sizes = below == "options" and table.byte(OPTIONS_TYPE) in OPTIONS_WITH_SIZES
                self.visit(pointed, "sizes" if has_sizes else below)
        for number, below in TABLES.get(kind, {}).items():
            for entry in table.tables(number, self.budget):
                self.visit(entry, below)


def check_structure(network: bytes) -> None:
    """Raise DamagedError where a pointer leaves the network."""
    _Walk(budget=len(network) // 4).visit(root(network), "model")
