"""The page: one file, with pictures, and harmless whatever the photographs are called."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from tests.support.models.photographs import write
from tests.training.audit.test_examine import examine, scene, write_scenes
from training.audit.page import MAX_OF_A_FINDING, audit_page


class _Tags(HTMLParser):
    """Which tags a page has, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def sources(self) -> list[str]:
        return [attributes["src"] or "" for _, attributes in self.tags if "src" in attributes]


def test_the_page_holds_its_pictures_and_asks_for_nothing_else(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 60)
    write(photos / "mug" / "near.jpg", scene(0))
    page = _Tags(audit_page(examine(photos)))
    assert len(page.sources()) == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources())
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in [a for _, a in page.tags]
    assert "mug/near.jpg" in page.text


def test_names_that_are_markup_are_text(tmp_path: Path) -> None:
    label = "<script>alert('1')<b>\"&{{ 7*7 }}"
    photos = write_scenes(tmp_path / "<i>photos", 4, classes=(label.replace("/", ""), "plate"))
    (photos / label / "<img src=x onerror=alert(1)>.png").write_bytes(b"")
    page = _Tags(audit_page(examine(photos)))
    assert not {tag for tag, _ in page.tags} & {"script", "b", "i"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert label in page.text
    assert "<img src=x onerror=alert(1)>.png" in page.text


def test_the_number_of_pictures_is_bounded_and_the_rest_is_told(tmp_path: Path) -> None:
    photos = write_scenes(tmp_path / "photos", 40)
    for path in sorted((photos / "mug").iterdir()):
        write(path, scene(int(path.stem), 48))
    page = _Tags(audit_page(examine(photos)))
    assert len(page.sources()) <= 3 * MAX_OF_A_FINDING
    assert "and 16 more" in page.text


def test_a_folder_without_findings_says_so(tmp_path: Path) -> None:
    page = _Tags(audit_page(examine(write_scenes(tmp_path / "photos", 90))))
    assert "these photographs look fit to train on" in page.text
    assert page.sources() == []
