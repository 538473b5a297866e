"""The folder of models: what stays, what goes, and that it is whole whenever it is looked at."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import StorageError
from edge.model.store import HISTORY, ModelStore, StoredModel, slug
from tests.support.agents.command_line import ROOT
from tests.support.models.interrupted_store import FAILED


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path / "models")
    store.make()
    return store


def put(store: ModelStore, version: str) -> StoredModel:
    """Store a version and make it current, as `add` does."""
    with store.locked():
        former = [each for each in (store.current, *store.former) if each]
        model = store.put(f"content of {version}".encode(), "tea", version)
        store.switch(model, former)
        store.prune()
    return model


def names(models: tuple[StoredModel, ...]) -> list[str]:
    return [model.path.stem.split("-")[1] for model in models]


def test_an_empty_store_has_nothing(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "none")
    assert (store.current, store.former, store.models) == (None, (), ())


def test_the_current_one_and_three_before_it_stay(store: ModelStore) -> None:
    for version in "abcdef":
        put(store, version)
    assert names(store.models) == ["f", "e", "d", "c"]
    assert len(list(store.folder.glob("*.tflite"))) == 4


def test_the_link_is_relative_and_all_may_read(store: ModelStore) -> None:
    model = put(store, "a")
    assert str(store.link.readlink()) == model.path.name
    assert (model.path.stat().st_mode & 0o777, store.folder.stat().st_mode & 0o777) == (0o644, 0o755)
    assert store.link.read_bytes() == b"content of a"


def test_what_is_not_a_version_is_left_alone(store: ModelStore) -> None:
    others = ["labels.txt", "my.tflite", "model.toml", "tea-1-12345678.tflite.bak", "notes.tmp"]
    for name in others:
        (store.folder / name).write_text("mine")
    for version in "abcdef":
        put(store, version)
    assert [name for name in others if not (store.folder / name).is_file()] == []


def test_a_version_that_never_was_current_is_nothing_to_go_back_to(store: ModelStore) -> None:
    put(store, "a")
    stray = store.put(b"stray", "tea", "stray")
    assert store.former == ()
    assert store.models[-1] == stray


def test_a_history_that_is_nonsense_or_gone_counts_as_empty(store: ModelStore) -> None:
    put(store, "a")
    put(store, "b")
    (store.folder / HISTORY).write_bytes(b"\xff\xfe../../etc/passwd\n\ntea-gone-12345678.tflite\n")
    assert (names(store.former), names(store.models)) == ([], ["b", "a"])
    (store.folder / HISTORY).unlink()
    put(store, "c")
    assert names(store.models) == ["c", "b", "a"]


def test_a_damaged_version_is_noticed_and_replaced(store: ModelStore) -> None:
    model = put(store, "a")
    model.path.write_bytes(b"content of b")
    assert not model.is_whole
    assert put(store, "a").is_whole


def test_a_link_to_elsewhere_counts_as_none(store: ModelStore, golden: Path) -> None:
    store.link.symlink_to(golden)
    assert store.current is None
    put(store, "a")
    assert golden.is_file()


def test_a_file_in_the_links_place_is_not_overwritten(store: ModelStore) -> None:
    store.link.write_text("somebody's")
    with pytest.raises(StorageError, match="current is no link"):
        put(store, "a")
    assert store.link.read_text() == "somebody's"


def test_two_at_a_time_are_one_too_many(store: ModelStore) -> None:
    with store.locked(), pytest.raises(StorageError, match="at work"), ModelStore(store.folder).locked():
        pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My model (2)!", "My-model-2"),
        ("../../etc", "etc"),
        ("茶", "model"),
        ("v1.2_b", "v1.2_b"),
        ("", "model"),
    ],
)
def test_strangers_names_become_names_of_files(text: str, expected: str) -> None:
    assert slug(text, 64) == expected


@pytest.mark.parametrize("how", ["kill", "fail"])
def test_whenever_it_is_interrupted_a_whole_model_is_current_and_the_next_try_works(
    store: ModelStore, golden: Path, tmp_path: Path, how: str
) -> None:
    for version in "abcd":
        put(store, version)
    command = [
        sys.executable,
        "-m",
        "tests.support.models.interrupted_store",
        store.folder,
        golden,
        tmp_path,
        how,
    ]
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    *ends, last = map(int, done.stdout.split())
    assert len(ends) > 8
    assert (set(ends), last) == ({-signal.SIGKILL if how == "kill" else FAILED}, 0)
    found = [left_behind(ModelStore(tmp_path / str(number))) for number in range(1, len(ends) + 2)]
    assert set(found) == {"tea", "new"}
    assert found[-1] == "new"


def left_behind(store: ModelStore) -> str:
    """Which model is current after an interruption, when all is well with it and the next one is added."""
    current = store.current
    assert current is not None
    assert current.is_whole
    name = current.path.stem.split("-")[0]
    assert names(store.former)[0] == ("c" if name == "tea" else "d")
    put(store, "later")
    assert names(store.models)[0] == "later"
    assert [path.name for path in store.folder.iterdir() if ".tmp" in path.name] == []
    assert len(list(store.folder.glob("*.tflite"))) <= 4
    return name
