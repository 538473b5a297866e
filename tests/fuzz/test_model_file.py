"""Some hundred damaged model files, always the same: EDGE_FUZZ_CASES and EDGE_FUZZ_SEED ask for others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fuzz.model_file import COLOURS, FAMILIAR, KINDS, Fuzz, answers_of
from tests.fuzz.networks import NETWORKS
from tests.support.agents.command_line import RUNTIME

CASES = int(os.environ.get("EDGE_FUZZ_CASES", "900"))
SEED = int(os.environ.get("EDGE_FUZZ_SEED", "1"))


@pytest.mark.slow
def test_a_damaged_file_is_refused_in_one_sentence_or_changes_nothing() -> None:
    outcomes = [*Fuzz(FAMILIAR, KINDS, SEED, RUNTIME).run(CASES)]
    assert len(outcomes) == CASES
    assert "\n".join(str(outcome) for outcome in outcomes if not outcome.right) == ""
    refused = {outcome.kind for outcome in outcomes if outcome.how == "refused"}
    assert refused == set(KINDS)


def test_the_same_number_is_the_same_file() -> None:
    one, other = Fuzz(FAMILIAR, KINDS, 3), Fuzz(FAMILIAR, KINDS, 3)
    assert [one.case(number) for number in range(30)] == [other.case(number) for number in range(30)]


def test_a_file_that_answers_otherwise_is_noticed() -> None:
    kinds = {"another model": lambda _random, _original: COLOURS.read_bytes()}
    (outcome,) = Fuzz(FAMILIAR, kinds, 1, RUNTIME).run(1)
    assert (outcome.how, outcome.right) == ("CHANGED", False)


def test_a_file_that_ends_or_stops_the_process_is_named_and_the_next_one_tried(tmp_path: Path) -> None:
    stuck = tmp_path / "stuck.tflite"
    os.mkfifo(stuck)
    answers = answers_of([str(FAMILIAR), RUNTIME, "1"], [FAMILIAR, stuck, COLOURS], tmp_path)
    assert [how for how, _ in answers.values()] == ["same", "HUNG", "CHANGED"]
    assert answers[stuck][1].startswith("SIGALRM")


@pytest.mark.skipif(RUNTIME == "tflite-runtime", reason="it verifies nothing: these would end the process")
@pytest.mark.parametrize("number", [162, 375, 886])  # a name, a result and an input that can't be read
def test_what_litert_raises_over_a_network_is_one_sentence(tmp_path: Path, number: int) -> None:
    path, labels = tmp_path / "network.tflite", tmp_path / "labels.txt"
    path.write_bytes(Fuzz(COLOURS, NETWORKS, 1).case(number)[1])
    labels.write_text("blue\ngreen\nred\n")
    answers = answers_of([str(COLOURS), RUNTIME, "10", str(labels)], [path], tmp_path)
    how, message = answers[path]
    assert how == "refused"
    assert "refuses the network" in message or "is damaged" in message
