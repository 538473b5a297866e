"""What install.sh refuses: on a machine without an agent, so before test_installation.py."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.device import LINK, SETTINGS, STATE, copied, install, own_wheel, run, write


@pytest.fixture(autouse=True)
def nothing_is_installed(archive: Path) -> Iterator[None]:
    """Whatever is refused here must leave nothing behind."""
    yield
    assert not [path for path in (LINK, SETTINGS, STATE) if path.exists()]
    assert run("id", "edge-agent").returncode != 0


def refusal(folder: Path, *options: object, status: int = 1) -> str:
    done = run(folder / "install.sh", *options)
    assert done.returncode == status, done.stdout
    (line,) = done.stdout.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--modle", "x"], "unknown option --modle"),
        (["--model"], "--model needs a value"),
        (["--model", "/nowhere.tflite"], "can't read the model /nowhere.tflite"),
        (["--purge", "--camera", "0"], "take nothing but --dry-run"),
    ],
)
def test_a_mistake_on_the_command_line_ends_with_2(
    unpacked_archive: Path, options: list[str], said: str
) -> None:
    assert said in refusal(unpacked_archive, *options, status=2)


def test_help_shows_every_option(unpacked_archive: Path) -> None:
    shown = run(unpacked_archive / "install.sh", "--help")
    assert shown.returncode == 0
    assert set(re.findall(r"^  (--[a-z-]+)", shown.stdout, re.MULTILINE)) == {
        *("--model", "--camera", "--broker", "--no-start", "--dry-run", "--uninstall", "--purge")
    }


def test_who_is_not_root_is_told_to_use_sudo(unpacked_archive: Path) -> None:
    done = run("runuser", "-u", "nobody", "--", unpacked_archive / "install.sh")
    assert (done.returncode, "you are not root; write sudo" in done.stdout) == (1, True)


def damaged(folder: Path) -> None:
    with own_wheel(folder).open("ab") as wheel:
        wheel.write(b"x")


def incomplete(folder: Path) -> None:
    own_wheel(folder).unlink()


def alone(folder: Path) -> None:
    (folder / "BUILT_FOR").unlink()


def for_another_machine(folder: Path) -> None:
    write(folder, "BUILT_FOR", (folder / "BUILT_FOR").read_text().replace("x86_64", "aarch64"))


def for_another_python(folder: Path) -> None:
    write(folder, "BUILT_FOR", re.sub(r" 3\.\d+ \w+", " 3.19 sid", (folder / "BUILT_FOR").read_text()))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damaged, "the archive is damaged"),
        (incomplete, "the archive is damaged"),
        (alone, "no packages beside install.sh"),
        (for_another_machine, "it is for aarch64, and this machine is x86_64"),
        (for_another_python, "it is for Debian sid with Python 3.19, and Python here is 3"),
    ],
)
def test_an_archive_that_can_not_be_used_is_refused(
    unpacked_archive: Path, place: Path, spoil: Callable[[Path], None], said: str
) -> None:
    folder = copied(unpacked_archive, place / spoil.__name__)
    spoil(folder)
    assert said in refusal(folder)


def test_without_python3_venv_it_says_what_to_install(unpacked_archive: Path, tmp_path: Path) -> None:
    there = next(Path("/usr/lib").glob("python3.*/ensurepip"))
    shutil.move(there, aside := tmp_path / "ensurepip")
    try:
        assert "apt install python3-venv" in refusal(unpacked_archive)
    finally:
        shutil.move(aside, there)


def test_a_32_bit_system_is_refused(unpacked_archive: Path, tmp_path: Path) -> None:
    getconf = tmp_path / "getconf"
    getconf.write_text("#!/bin/sh\necho 32\n")
    getconf.chmod(0o755)
    done = run(unpacked_archive / "install.sh", env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"})
    assert (done.returncode, "this system is 32-bit" in done.stdout) == (1, True)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(unpacked_archive: Path) -> None:
    said = install(unpacked_archive, "--dry-run", "--model", unpacked_archive / "README.md")
    lines = said.splitlines()
    assert all(line.startswith("would ") for line in lines)
    for part in (
        "the user edge-agent",
        "the group video",
        f"{LINK}-",
        "agent.toml",
        "README.md",
        "into service",
    ):
        assert part in said


def test_nothing_can_be_removed_where_nothing_is(unpacked_archive: Path) -> None:
    assert install(unpacked_archive, "--purge") == "nothing to remove\n"
