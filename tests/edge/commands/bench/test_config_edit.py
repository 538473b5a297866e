"""Settings changed in agent.toml: what is asked for, and not a byte more."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from edge.commands.bench.config_edit import edited, write_settings
from edge.errors import StorageError, UsageError

EXAMPLE = Path(__file__).parents[4] / "deploy/agent.example.toml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("threads = 1\n", "threads = 2\n"),
        ("threads=1# one\nfps = 5\n", "threads=2# one\nfps = 5\n"),
        ("  threads  =  8   # all of them\r\nfps = 5\r\n", "  threads  =  2   # all of them\r\nfps = 5\r\n"),
        ("", "threads = 2\n"),
        ("fps = 5", "fps = 5\nthreads = 2\n"),
        ("fps = 5\r\n[broker]\r\n", "fps = 5\r\nthreads = 2\r\n[broker]\r\n"),
        (
            "#threads = 1  # more is faster\nfps = 5\n",
            "#threads = 1  # more is faster\nthreads = 2\nfps = 5\n",
        ),
        (
            "fps = 5\n\n# the broker\n[broker]\nurl = ''\n",
            "fps = 5\nthreads = 2\n\n# the broker\n[broker]\nurl = ''\n",
        ),
        ("[broker]\nthreads = 1\n", "threads = 2\n[broker]\nthreads = 1\n"),
        ('a = """\nthreads = 1\n"""\n', 'threads = 2\na = """\nthreads = 1\n"""\n'),
    ],
)
def test_one_value_changes_and_all_else_stays(before: str, after: str) -> None:
    assert edited(before, {"threads": 2}) == after


def test_several_settings_change_in_the_example_and_its_comments_stay() -> None:
    before = EXAMPLE.read_text()
    after = edited(before, {"threads": 4, "runtime": "tflite-runtime"})
    assert tomllib.loads(after) == {**tomllib.loads(before), "threads": 4, "runtime": "tflite-runtime"}
    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert gone == ["threads = 1"]
    assert len(after.splitlines()) == len(before.splitlines()) + 1


@pytest.mark.parametrize("text", ['"threads" = 1\n', "'threads' = 1\n"])
def test_what_is_written_in_an_unusual_way_is_left_alone(text: str) -> None:
    with pytest.raises(ValueError, match="threads"):
        edited(text, {"threads": 2})


def test_a_file_keeps_its_permissions_and_its_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "agent.toml"
    file.write_text("threads = 1\n")
    file.chmod(0o640)
    link.symlink_to(file)
    difference = write_settings(link, {"threads": 2})
    assert file.read_text() == "threads = 2\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert difference.splitlines()[-2:] == ["-threads = 1", "+threads = 2"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["agent.toml", "real.toml"]


def test_without_a_file_what_to_write_is_said() -> None:
    with pytest.raises(UsageError, match='threads = 2, runtime = "litert"'):
        write_settings(None, {"threads": 2, "runtime": "litert"})


def test_a_file_that_cannot_be_changed_stays_and_the_hand_is_named(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('"threads" = 1\n')
    with pytest.raises(StorageError, match="write threads = 2 into it by hand"):
        write_settings(file, {"threads": 2})
    assert file.read_text() == '"threads" = 1\n'
