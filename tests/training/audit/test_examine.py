"""Each finding of the audit, on photographs that contain it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.preprocess import Image
from tests.support.models.photographs import write
from training.audit.examine import add_trouble, audit_scan
from training.audit.output import read_audit, write_audit
from training.audit.record import Audit, AuditFinding, Listed, make_finding, refuse_findings
from training.config import TrainConfig
from training.dataset.prepare import divide, survey
from training.errors import AuditError, RunError
from training.progress import Silent


def scene(seed: int, side_px: int = 160) -> Image:
    """A picture of coarse blobs with fine grain: no two seeds resemble each other."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 225, (9, 9, 3), dtype=np.uint8)
    large = cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return np.clip(large + rng.normal(0, 8, large.shape), 0, 255).astype(np.uint8)


def write_scenes(root: Path, count: int, classes: tuple[str, ...] = ("mug", "plate"), seed: int = 0) -> Path:
    """`count` scenes a class as root/<class>/<number>.png; returns root."""
    for number, label in enumerate(classes):
        for index in range(count):
            write(root / label / f"{index:03d}.png", scene(seed + 10_000 * number + index))
    return root


def examine(root: Path, size_px: int = 224) -> Audit:
    """The audit of a folder, without looking for wrong labels."""
    config = TrainConfig(data=root, size=size_px)
    surveyed = survey(config.data, config.other, config.group_by, Silent())
    return audit_scan(surveyed, divide(surveyed, config.split_rule, {}), root, size_px)


def only(audit: Audit, kind: str) -> AuditFinding:
    """The one finding of a kind."""
    (found,) = (each for each in audit.findings if each.kind == kind)
    return found


def paths(found: AuditFinding) -> list[str]:
    """The files of a finding."""
    return [listed.path for listed in found.files]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy-five sound photographs each of two classes."""
    return write_scenes(tmp_path_factory.mktemp("sound"), 90)


@pytest.fixture
def photos(sound: Path, tmp_path: Path) -> Path:
    """A copy of them, to be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "photos"))


def test_sound_photographs_have_no_findings(photos: Path) -> None:
    audit = examine(photos)
    assert audit.findings == ()
    assert audit.summary.photographs == 180
    assert audit.summary.shapes == {"160×160": 180}
    assert sum(audit.summary.counts["mug"].values()) == 90


def test_files_that_cannot_be_used_are_found(photos: Path) -> None:
    (photos / "mug" / "empty.jpg").write_bytes(b"")
    (photos / "mug" / "text.jpg").write_text("no picture")
    (photos / "mug" / "again.png").write_bytes((photos / "mug" / "000.png").read_bytes())
    (photos / "mug" / "both.png").write_bytes((photos / "plate" / "000.png").read_bytes())
    audit = examine(photos)
    assert paths(only(audit, "empty_file")) == ["mug/empty.jpg"]
    assert paths(only(audit, "unreadable")) == ["mug/text.jpg"]
    assert paths(only(audit, "exact_duplicate")) == ["mug/again.png"]
    assert paths(only(audit, "across_classes")) == ["mug/both.png", "plate/000.png"]
    assert only(audit, "across_classes").severity == "error"
    assert audit.summary.left_out == 5


def test_near_duplicates_are_kept_together_and_noted(photos: Path) -> None:
    write(photos / "mug" / "near.jpg", scene(0))
    audit = examine(photos)
    found = only(audit, "near_duplicate")
    assert paths(found) == ["mug/000.png", "mug/near.jpg"]
    assert {listed.group for listed in found.files} == {0}
    assert found.severity == "note"


def test_near_duplicates_in_two_of_the_users_parts_are_an_error(tmp_path: Path) -> None:
    write_scenes(tmp_path / "train", 25)
    write_scenes(tmp_path / "test", 8, seed=500)
    write(tmp_path / "test" / "mug" / "near.jpg", scene(3))
    (tmp_path / "train" / "mug" / "copy.png").write_bytes(
        (tmp_path / "test" / "mug" / "000.png").read_bytes()
    )
    found = {each.severity: each for each in examine(tmp_path).findings if each.kind == "across_parts"}
    assert paths(found["error"]) == ["test/mug/near.jpg", "train/mug/003.png"]
    assert found["error"].files[0].note == "test"
    assert paths(found["warning"]) == ["train/mug/copy.png"]


def test_near_duplicates_with_two_labels_are_a_warning(photos: Path) -> None:
    write(photos / "plate" / "near.jpg", scene(0))
    found = only(examine(photos), "across_classes")
    assert set(paths(found)) == {"mug/000.png", "plate/near.jpg"}
    assert found.severity == "warning"


def test_new_photographs_between_old_groups_are_told(photos: Path) -> None:
    config = TrainConfig(data=photos)
    surveyed = survey(config.data, config.other, config.group_by, Silent())
    divided = divide(surveyed, config.split_rule, {})
    torn = divided.model_copy(update={"left_out": divided.train[:1], "train": divided.train[1:]})
    audit = audit_scan(surveyed, torn, photos, 224)
    assert only(audit, "across_parts").count == 1
    assert audit.summary.left_out == 1
    assert sum(sum(parts.values()) for parts in audit.summary.counts.values()) == 179


@pytest.mark.parametrize(("count", "severity"), [(30, "note"), (10, "warning")])
def test_uneven_and_small_classes_are_found(photos: Path, count: int, severity: str) -> None:
    write_scenes(photos, count, classes=("rare",), seed=90_000)
    audit = examine(photos)
    assert only(audit, "imbalance").severity == severity
    assert "90 and" in only(audit, "imbalance").message
    assert only(audit, "few_photographs").message.startswith("rare (")


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("tiny", scene(1, 60)),
        ("dark", (scene(2) * 0.05).astype(np.uint8)),
        ("bright", (246 + scene(3) * 0.03).astype(np.uint8)),
        ("blurred", cv2.GaussianBlur(scene(4), (0, 0), 5)),
    ],
)
def test_a_bad_picture_is_found_alone(photos: Path, kind: str, image: Image) -> None:
    write(photos / "mug" / "bad.png", image)
    assert paths(only(examine(photos), kind)) == ["mug/bad.png"]


def test_a_smaller_network_has_no_tiny_pictures(photos: Path) -> None:
    write(photos / "mug" / "small.png", scene(1, 60))
    assert "tiny" not in {each.kind for each in examine(photos, size_px=96).findings}


def test_mixed_shapes_are_a_note_and_serious_where_they_tell_the_class(photos: Path) -> None:
    for number in range(12):
        write(photos / "mug" / f"wide{number}.png", scene(700 + number)[:100])
    found = only(examine(photos), "mixed_sizes")
    assert (found.severity, found.count) == ("note", 12)
    for path in sorted((photos / "plate").iterdir()):
        write(path, cv2.imread(str(path))[:100])  # type: ignore[index]
    found = only(examine(photos), "mixed_sizes")
    assert found.severity == "warning"
    assert "100% of plate" in found.message


def test_grey_among_colour_is_a_note_and_serious_where_it_tells_the_class(photos: Path) -> None:
    write(photos / "mug" / "grey.png", cv2.cvtColor(scene(800), cv2.COLOR_BGR2GRAY))  # type: ignore[arg-type]
    found = only(examine(photos), "mixed_channels")
    assert (found.severity, paths(found)) == ("note", ["mug/grey.png"])
    for path in sorted((photos / "mug").iterdir()):
        write(path, cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))  # type: ignore[arg-type]
    assert only(examine(photos), "mixed_channels").severity == "warning"


def test_strict_refuses_warnings_and_lets_notes_pass(photos: Path) -> None:
    write(photos / "mug" / "near.jpg", scene(0))
    refuse_findings(examine(photos))
    (photos / "mug" / "empty.jpg").write_bytes(b"")
    with pytest.raises(AuditError, match="has 1 warning: 1 file with nothing inside") as caught:
        refuse_findings(examine(photos))
    assert caught.value.exit_code == 2


def test_what_cannot_be_split_is_an_error_of_its_own(photos: Path) -> None:
    audit = add_trouble(examine(photos), "the class 'a' has 1 photograph")
    assert (audit.findings[0].kind, audit.findings[0].severity) == ("few_photographs", "error")


def test_the_list_of_files_is_bounded_and_the_count_is_not() -> None:
    found = make_finding("dark", "warning", "many", [Listed(path=str(n)) for n in range(1000)])
    assert (len(found.files), found.count) == (200, 1000)


def test_what_was_written_is_read_again(photos: Path, tmp_path: Path) -> None:
    write(photos / "mug" / "near.jpg", scene(0))
    audit = examine(photos)
    write_audit(audit, tmp_path / "out")
    assert read_audit(tmp_path / "out") == audit
    assert '"schema": 1' in (tmp_path / "out" / "audit.json").read_text()
    (tmp_path / "out" / "audit.json").write_text("{}")
    with pytest.raises(RunError, match="edge-train audit"):
        read_audit(tmp_path / "out")
