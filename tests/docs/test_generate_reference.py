"""The pages of the site are whole: nothing is left to be generated, and every command and key is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.generate_reference import ROOT_PAGES, site_link, write_pages
from edge.cli import COMMANDS
from edge.config import AgentConfig
from tests.docs.documents import read


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_pages(folder)
    return folder


def test_nothing_is_left_to_generate(pages: Path) -> None:
    assert [
        page for page in pages.rglob("*.md") if "<!-- generated" in page.read_text(encoding="utf-8")
    ] == []


def test_every_command_has_its_table(pages: Path) -> None:
    text = read(pages / "reference" / "edge-agent.md")

    assert [name for name in COMMANDS if f"## edge-agent {name}\n" not in text] == []
    assert "| `--camera`, `-c` |" in text


def test_every_key_has_its_row(pages: Path) -> None:
    text = read(pages / "reference" / "agent-toml.md")

    missing = [
        key for key in AgentConfig.model_fields if f"| `{key}` |" not in text and f"[{key}" not in text
    ]

    assert missing == []


def test_the_documents_of_the_root_are_pages(pages: Path) -> None:
    assert all((pages / page).is_file() for page in ROOT_PAGES.values())


@pytest.mark.parametrize(
    ("page", "target", "link"),
    [
        ("performance.md", "../LOG.md", "project/log.md"),
        ("project/decisions.md", "LOG.md", "log.md"),
        ("project/changelog.md", "docs/mqtt.md", "../mqtt.md"),
        ("extend/sink.md", "../mqtt.md", "../mqtt.md"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(page: str, target: str, link: str) -> None:
    assert site_link(page, target) == link
