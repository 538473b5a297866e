"""Label lists in the forms that people have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ModelError
from edge.model.labels import OutputLabels, output_labels, parse_labels, read_labels

THOUSAND = tuple(f"class {number}" for number in range(1000))


@pytest.mark.parametrize(
    "text",
    [
        "cat\ndog\nold cow\n",
        "0 cat\n1 dog\n2 old cow\n",
        "0:cat\n1:dog\n2:old cow",
        "0: cat\r\n1: dog\r\n2: old cow\r\n",
        "\ufeff0  cat\n1  dog\n2  old cow\n\n",
    ],
)
def test_all_usual_forms_give_the_same_labels(text: str) -> None:
    assert parse_labels(text, "labels.txt") == ("cat", "dog", "old cow")


def test_labels_may_begin_with_numbers_of_their_own() -> None:
    assert parse_labels("7 up\ncola\n", "l") == ("7 up", "cola")
    assert parse_labels("0 1 euro\n1 2 euro\n", "l") == ("1 euro", "2 euro")
    assert parse_labels("0\n1\n2\n", "l") == ("0", "1", "2")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 cat\n2 dog\n", "line 2 should begin with 1"),
        ("0 cat\ndog\n", "line 2 should begin with 1"),
        ("1 cat\n2 dog\n", "line 1 should begin with 0"),
        ("cat\n\ndog\n", "line 2 is empty"),
        ("", "line 1 is empty"),
        ("cat\nd\x07og\n", "line 2 has control characters"),
        ("cat\rdog\n", "line 1 has control characters"),
        (f"cat\n{'d' * 201}\n", "line 2 has control characters or is longer than 200"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        parse_labels(text, "labels.txt")


def test_the_second_of_two_same_labels_is_numbered() -> None:
    assert parse_labels("crane\ncat\ncrane\n", "l") == ("crane", "cat", "crane (2)")
    assert parse_labels("a\na\na (2)\na\n", "l") == ("a", "a (3)", "a (2)", "a (4)")


def test_what_is_no_text_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(ModelError, match="give a UTF-8 text file with one label a line"):
        read_labels(path)
    with pytest.raises(ModelError, match="No such file"):
        read_labels(tmp_path / "none.txt")


def test_a_background_class_is_no_label() -> None:
    named = OutputLabels(("cat", "dog"), 0)
    assert output_labels(("Background", "cat", "dog"), 3, None) == named
    assert output_labels(("dummy", "cat", "dog"), 3, None) == named
    assert output_labels(("cat", "dog", "background"), 3, None) == OutputLabels(("cat", "dog"), 2)
    assert output_labels(("other", "cat", "dog"), 3, True) == named
    assert output_labels(("background", "cat"), 2, False) == OutputLabels(("background", "cat"))


def test_a_thousand_labels_fit_a_thousand_and_one_outputs_and_the_other_way_round() -> None:
    assert output_labels(THOUSAND, 1001, None) == OutputLabels(THOUSAND, 0)
    assert output_labels(("background", *THOUSAND), 1000, None) == OutputLabels(THOUSAND)
    assert output_labels(THOUSAND, 1001, False) is None


@pytest.mark.parametrize(("count", "background"), [(2, None), (4, None), (4, False), (5, True)])
def test_other_counts_do_not_fit(count: int, background: bool | None) -> None:
    assert output_labels(("cat", "dog", "cow"), count, background) is None
