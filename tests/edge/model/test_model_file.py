"""The one file that is shipped: whole, verified, or refused in one sentence."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.model.interpreter import RuntimeName
from edge.model.labels import read_labels
from edge.model.manifest import Manifest
from edge.model.model_file import ModelFile, read_model, write_atomically, write_model


def rewritten(golden: Path, path: Path, change: Callable[[dict[str, bytes]], Any]) -> Path:
    """A copy of the golden file whose packed entries were changed."""
    model = read_model(golden)
    with zipfile.ZipFile(golden) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    body = io.BytesIO(model.network)
    with zipfile.ZipFile(body, "a") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    path.write_bytes(body.getvalue())
    return path


def with_json(entries: dict[str, bytes], name: str, **values: Any) -> None:
    entries[name] = json.dumps(json.loads(entries[name]) | values).encode()


def enormous(picture: bytes) -> bytes:
    """A PNG whose header claims 2.7 GB of pixels."""
    return picture[:16] + (30_000).to_bytes(4, "big") * 2 + picture[24:]


def same_content(one: ModelFile, other: ModelFile) -> bool:
    return (one.network, one.labels, one.manifest, one.selftest, dict(one.selftest_images)) == (
        other.network,
        other.labels,
        other.manifest,
        other.selftest,
        dict(other.selftest_images),
    )


def test_what_was_written_is_read(golden: Path, tmp_path: Path) -> None:
    model = read_model(golden)
    assert model.manifest is not None
    copy = tmp_path / "copy.tflite"
    write_model(copy, model.network, model.manifest, model.selftest, model.selftest_images)
    assert same_content(read_model(copy), model)
    assert (model.name, model.version, model.labels) == ("colours", "1", ("blue", "green", "red"))


def test_a_changed_byte_is_found_or_changes_nothing(golden: Path, tmp_path: Path) -> None:
    data, model = golden.read_bytes(), read_model(golden)
    damaged = tmp_path / "damaged.tflite"
    directory = data.index(b"PK\x01\x02")
    places = [*range(0, directory, 101), *range(directory, len(data))]
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= (1, 8, 128)[place % 3]
        damaged.write_bytes(flipped)
        try:
            assert same_content(read_model(damaged), model), place
        except ModelError:
            continue


@pytest.mark.parametrize("place", [100, 1000, 2000])
def test_a_changed_network_is_damaged(golden: Path, tmp_path: Path, place: int) -> None:
    data = bytearray(golden.read_bytes())
    data[place] ^= 1
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(data)
    with pytest.raises(ModelError, match="does not match its own hash"):
        read_model(damaged)


def test_a_truncated_file_is_refused_wherever_it_ends(
    golden: Path, tmp_path: Path, runtime: RuntimeName
) -> None:
    data = golden.read_bytes()
    cut = tmp_path / "cut.tflite"
    # tflite-runtime verifies no flatbuffer: what is cut inside the network ends the process.
    first = len(read_model(golden).network) if runtime == "tflite-runtime" else 0
    for size in [*range(first, len(data), 379), len(data) - 1]:
        cut.write_bytes(data[:size])
        with pytest.raises(ModelError):
            Classifier(read_model(cut), runtime=runtime)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda e: e.update({"labels.txt": b"blue\ngreen\nyellow\n"}),
            "labels.txt and manifest.json disagree",
        ),
        (lambda e: e.update({"labels.txt": b"blue\n\nred\n"}), "line 2 is empty"),
        (lambda e: e.update({"labels.txt": b"\xff\xfe"}), "not UTF-8"),
        (lambda e: e.pop("labels.txt"), "labels.txt and manifest.json disagree"),
        (lambda e: e.pop("selftest/red.png"), "self-test lacks selftest/red.png"),
        (
            lambda e: e.update({"selftest/red.png": enormous(e["selftest/red.png"])}),
            "red.png claims too many",
        ),
        (lambda e: e.update({"manifest.json": b"{}"}), "manifest is invalid: name: Field required"),
        (lambda e: e.update({"manifest.json": b"nonsense"}), "manifest is invalid"),
        (lambda e: with_json(e, "manifest.json", schema=2), "manifest is invalid: schema"),
        (lambda e: with_json(e, "manifest.json", labels=["a", "a"]), "two labels are the same"),
        (lambda e: with_json(e, "manifest.json", threshold=1.5), "manifest is invalid: threshold"),
        (lambda e: with_json(e, "manifest.json", threshold=True), "manifest is invalid: threshold"),
        (lambda e: with_json(e, "manifest.json", threshold="0.5"), "manifest is invalid: threshold"),
        (lambda e: with_json(e, "selftest/index.json", tolerance=0), "self-test is invalid: tolerance"),
        (lambda e: e.update({f"extra{n}": b"" for n in range(70)}), "claim too much room"),
    ],
)
def test_packed_files_that_do_not_fit_are_refused(
    golden: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], Any], why: str
) -> None:
    with pytest.raises(ModelError, match=why):
        read_model(rewritten(golden, tmp_path / "changed.tflite", change))


def test_two_packed_files_of_one_name_are_refused(golden: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.tflite"
    path.write_bytes(golden.read_bytes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("manifest.json", archive.read("manifest.json"))
    with pytest.raises(ModelError, match="two packed files have one name"):
        read_model(path)


def test_our_file_without_its_manifest_is_not_taken_for_somebody_elses(tmp_path: Path) -> None:
    familiar = Path(__file__).parents[2] / "golden" / "familiar.tflite"
    path = rewritten(familiar, tmp_path / "n.tflite", lambda e: e.pop("manifest.json"))
    with pytest.raises(ModelError, match=r"its manifest.json is missing"):
        read_model(path)


def test_an_older_agent_reads_what_a_newer_trainer_adds(golden: Path, tmp_path: Path) -> None:
    path = rewritten(golden, tmp_path / "n.tflite", lambda e: with_json(e, "manifest.json", novelty=1))
    assert read_model(path).name == "colours"


def test_an_entry_that_claims_gigabytes_is_not_read(golden: Path, tmp_path: Path) -> None:
    data = bytearray(golden.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")
    bomb = tmp_path / "bomb.tflite"
    bomb.write_bytes(data)
    with pytest.raises(ModelError, match="claim too much room"):
        read_model(bomb)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"PK\x03\x04 not a model", b"\0" * 4096])
def test_what_is_no_tflite_file_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="it is not a TFLite file"):
        read_model(path)


def test_a_folder_and_a_missing_file_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Is a directory"):
        read_model(tmp_path)
    with pytest.raises(ModelError, match=r"No such file.*make train"):
        read_model(tmp_path / "none.tflite")


def test_a_label_file_may_have_a_byte_order_mark_and_dos_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbfblue\r\ngreen \r\nred\r\n\r\n")
    assert read_labels(path) == ("blue", "green", "red")


def test_a_label_file_with_an_empty_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("blue\n\nred\n")
    with pytest.raises(ModelError, match=r"labels.txt: line 2 is empty"):
        read_labels(path)


@pytest.mark.parametrize("label", ["re\x00d", "re\x1b[2Jd", "re\x0bd", "re\u2028d", "re\u202ed", "re\td"])
def test_a_label_file_with_control_characters_is_refused(tmp_path: Path, label: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(f"blue\n{label}\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"labels.txt: line 2 has control characters"):
        read_labels(path)


def test_a_label_file_must_agree_with_the_model(golden: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("red\ngreen\nblue\n")
    with pytest.raises(ModelError, match="carries other labels; leave out --labels"):
        read_model(golden, path)
    path.write_text("blue\ngreen\nred\n")
    assert read_model(golden, path).labels == ("blue", "green", "red")


def test_a_network_from_elsewhere_takes_its_labels_from_a_file(golden: Path, tmp_path: Path) -> None:
    bare, labels = tmp_path / "bare.tflite", tmp_path / "labels.txt"
    bare.write_bytes(read_model(golden).network)
    labels.write_text("b\ng\nr\n")
    model = read_model(bare, labels)
    assert (model.manifest, model.labels, model.name) == (None, ("b", "g", "r"), "bare")


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        path = disk / "file"
        path.write_bytes(b"old")
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, bytes(1 << 20))
        assert path.read_bytes() == b"old"
        assert [entry.name for entry in disk.iterdir()] == ["file"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "file", b"new")


def test_a_label_with_control_characters_is_no_label(golden: Path) -> None:
    manifest = read_model(golden).manifest
    assert manifest is not None
    described = manifest.model_dump(by_alias=True) | {"labels": ["a\n", "b"]}
    with pytest.raises(ValueError, match="control characters"):
        Manifest.model_validate(described)


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_bytes(b"somebody's")
    path.with_name(f"file.{os.getpid()}.tmp").symlink_to(victim)
    write_atomically(path, b"new")
    assert (path.read_bytes(), victim.read_bytes()) == (b"new", b"somebody's")
