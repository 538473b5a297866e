"""Settings from a file, from assignments and from options, the later winning, each mistake named."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.config import gathered, make_config
from training.errors import SettingsError


def test_options_beat_assignments_beat_the_file(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text('data = "photos"\nsize = 96\nseed = 4\n[head]\ndropout = 0.4\nmixup = 0.2\n')
    config = make_config(
        gathered(file, ["size=128", "head.dropout=0.5", "fit=pad"], {"size": 160, "seed": None})
    )
    assert (config.size, config.seed, config.fit) == (160, 4, "pad")
    assert (config.head.dropout, config.head.mixup) == (0.5, 0.2)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("size", "write --set"),
        ("=3", "write --set"),
        ("head.dropot=0.5", "head.dropot"),
        ("head.dropout=much", "head.dropout"),
        ("size.width=3", "size"),
        ("seed.x=3", "seed is no group"),
    ],
)
def test_a_wrong_assignment_is_named(assignment: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace(".", r"\.")):
        make_config(gathered(None, ["seed=1", assignment], {"data": "photos"}))


@pytest.mark.parametrize("content", [b"size = ", b"\xff\xfe\x00", None])
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "train.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"train\.toml"):
        gathered(file, [], {})
