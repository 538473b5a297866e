"""The cache: gives back what it was given, stays within its bound, and is never a reason to fail."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from training.cache import FILE, Cache, opened_cache
from training.errors import SettingsError
from training.progress import Silent


class _Notes(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def _cache(folder: Path, limit_bytes: int = 1_000_000) -> tuple[Cache, _Notes]:
    notes = _Notes()
    return Cache(folder, limit_bytes, notes), notes


def test_what_was_written_is_read_by_the_next_process(tmp_path: Path) -> None:
    first, _ = _cache(tmp_path)
    first.write({"a": b"1", "b": b"2"})
    first.close()
    second, _ = _cache(tmp_path)
    assert second.read(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
    second.close()


def test_many_keys_are_read_at_once(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path)
    values = {f"key {number}": str(number).encode() for number in range(1234)}
    cache.write(values)
    assert cache.read(list(values)) == values
    cache.close()


def test_the_least_recently_used_go_when_it_grows_too_large(tmp_path: Path) -> None:
    cache, _ = _cache(tmp_path, limit_bytes=300_000)
    for number in range(20):
        cache.write({f"{number}": bytes(10_000)})
    assert cache.read(["0"])  # used again just now: it outlives its neighbours
    for number in range(20, 30):
        cache.write({f"{number}": bytes(10_000)})
    left = set(cache.read([str(number) for number in range(30)]))
    assert {"0", "29"} <= left
    assert "1" not in left
    cache.close()
    assert (tmp_path / FILE).stat().st_size <= 300_000


@pytest.mark.parametrize("damage", [b"this is no database" * 100, b""])
def test_a_broken_file_is_put_aside_and_said(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE).write_bytes(damage)
    cache, notes = _cache(tmp_path)
    cache.write({"a": b"1"})
    assert cache.read(["a"]) == {"a": b"1"}
    cache.close()
    assert bool(notes.texts) == bool(damage)
    if damage:
        assert "is broken" in notes.texts[0]
        assert (tmp_path / "cache.broken").read_bytes() == damage


def test_a_file_that_breaks_while_it_is_used_is_put_aside(tmp_path: Path) -> None:
    first, _ = _cache(tmp_path)
    first.write({f"{number}": bytes(5000) for number in range(50)})
    first.close()
    body = bytearray((tmp_path / FILE).read_bytes())
    body[4096:] = b"\xff" * (len(body) - 4096)
    (tmp_path / FILE).write_bytes(body)
    second, notes = _cache(tmp_path)
    assert second.read(["7"]) == {}
    second.write({"7": b"new"})
    assert second.read(["7"]) == {"7": b"new"}
    second.close()
    assert len(notes.texts) == 1


def test_a_folder_that_can_not_be_used_is_said_and_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache, notes = _cache(tmp_path / "file" / "cache")
    cache.write({"a": b"1"})
    assert cache.read(["a"]) == {}
    assert notes.texts[0].startswith("working without the cache")


def test_a_locked_file_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, notes = _cache(tmp_path)
    cache.write({"a": b"1"})
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("training.cache.BUSY_TIMEOUT_S", 0.05)
    waiting, notes = _cache(tmp_path)
    assert waiting.read(["a"]) == {}
    assert "locked" in notes.texts[0]
    other.close()
    cache.close()


def test_the_environment_places_and_bounds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_TRAIN_CACHE", str(tmp_path / "here"))
    with opened_cache(Silent()) as cache:
        cache.write({"a": b"1"})
    assert (tmp_path / "here" / FILE).is_file()
    monkeypatch.setenv("EDGE_TRAIN_CACHE_MB", "lots")
    with pytest.raises(SettingsError, match="EDGE_TRAIN_CACHE_MB"), opened_cache(Silent()):
        pass
