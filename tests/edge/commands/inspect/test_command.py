"""`edge-agent inspect`: what is in a model file, on one screen or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.commands.inspect.inspect_model import inspect_model
from edge.model.interpreter import Network, RuntimeName
from edge.model.model_file import read_model, write_model
from tests.support.agents.command_line import edge_agent
from tests.support.agents.delegated import steps_wrongly_counted

MAX_LINES, MAX_COLUMNS = 40, 100
GOLDEN = Path(__file__).parents[3] / "golden"
FAMILIAR = GOLDEN / "familiar.tflite"
KEYS = {
    *("path", "name", "version", "sha256", "file_bytes", "network_bytes", "runtime", "problem", "labels"),
    *("input", "outputs", "preprocess", "limits", "operations", "arithmetic", "selftest", "manifest"),
}


@pytest.fixture
def bare(golden: Path, tmp_path: Path) -> Path:
    """A network as somebody else would hand it over: no labels, no manifest."""
    path = tmp_path / "bare.tflite"
    path.write_bytes(read_model(golden).network)
    return path


def rows(screen: str) -> Mapping[str, str]:
    """What stands beside each title; of several outputs the last."""
    return {line[:13].strip(): line[13:] for line in screen.splitlines() if line[0] != " "}


def assert_fits_a_screen(screen: str) -> None:
    lines = screen.splitlines()
    assert len(lines) <= MAX_LINES
    assert max(map(len, lines)) <= MAX_COLUMNS


def test_all_that_matters_fits_one_screen(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "inspect", FAMILIAR)
    assert (agent.process.returncode, agent.stderr) == (0, "")
    assert_fits_a_screen(agent.stdout)
    found = rows(agent.stdout)
    assert found["labels"] == "3: blue, green, red"
    assert found["content hash"] == f"sha256 {read_model(FAMILIAR).sha256}"
    assert found["agent"].startswith("can run it, on ")
    assert "1×32×32×3 uint8" in found["input"]
    assert found["preparation"].startswith("crop ")
    assert found["unknown"] == "when the best score is below 0.50, or the familiarity below 0.80"
    assert found["self-test"].startswith("3 pictures")
    assert found["accuracy"].startswith("float 1.000 of 3, this file 1.000 of 3")
    assert found["data hash"] == f"sha256 {'0' * 64}"
    assert found["operations"].startswith("16, ")
    assert "FULLY_CONNECTED" in agent.stdout


def test_the_same_is_one_json_object(tmp_path: Path) -> None:
    agent = edge_agent(tmp_path, "inspect", FAMILIAR, "--json")
    assert agent.process.returncode == 0, agent.stderr
    (record,) = agent.records
    assert record.keys() == KEYS
    assert record["labels"] == ["blue", "green", "red"]
    assert record["file_bytes"] == FAMILIAR.stat().st_size > record["network_bytes"] > 0
    assert record["input"]["shape"] == [1, 32, 32, 3]
    assert [output["holds"] for output in record["outputs"]] == ["scores", "familiarity"]
    assert record["limits"]["threshold"] == record["manifest"]["threshold"] == 0.5
    assert record["selftest"] == {"pictures": 3, "tolerance": 0.1}
    assert record["manifest"]["provenance"]["dataset_sha256"] == "0" * 64
    assert sum(kind["count"] for kind in record["operations"]) == sum(record["arithmetic"].values()) == 16
    assert all(0 <= kind["xnnpack"] <= kind["count"] for kind in record["operations"])


def test_of_a_bare_network_it_says_what_is_not_known(tmp_path: Path, bare: Path) -> None:
    agent = edge_agent(tmp_path, "inspect", bare)
    assert agent.process.returncode == 0, agent.stderr
    found = rows(agent.stdout)
    assert found["agent"].startswith("can't run it: ")
    (record,) = edge_agent(tmp_path, "inspect", bare, "--json").records
    assert "carries no labels" in record["problem"]
    assert (record["labels"], record["preprocess"], record["limits"], record["manifest"]) == ([], *[None] * 3)
    silent = ("labels", "preparation", "unknown", "accuracy", "made", "data")
    assert {found[title] for title in silent} == {"the file does not say"}
    assert found["self-test"] == "none"
    assert found["output"].startswith("use not stated")
    assert found["operations"].startswith("6, ")


def test_what_the_agent_assumes_is_marked_so(tmp_path: Path, bare: Path) -> None:
    names = tmp_path / "labels.txt"
    names.write_text("blue\ngreen\nred\n")
    agent = edge_agent(tmp_path, "inspect", bare, "--labels", names)
    found = rows(agent.stdout)
    assert found["agent"].startswith("can run it")
    assert found["output"].startswith("scores ")
    for title in ("preparation", "unknown"):
        assert found[title].startswith("the file does not say; the agent takes: ")


def test_without_a_path_it_is_the_model_that_the_agent_would_take(tmp_path: Path, golden: Path) -> None:
    agent = edge_agent(tmp_path, "inspect", "--json", env={"EDGE_AGENT_MODEL": str(golden)})
    assert agent.records[0]["path"] == str(golden)


def test_a_damaged_file_is_one_sentence_and_78(tmp_path: Path, golden: Path) -> None:
    data = bytearray(golden.read_bytes())
    data[1000] ^= 1
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(data)
    agent = edge_agent(tmp_path, "inspect", damaged)
    assert (agent.process.returncode, agent.stdout) == (78, "")
    assert agent.stderr.count("\n") == 1
    assert "does not match its own hash" in agent.stderr


def test_many_long_labels_are_cut_on_the_screen_and_whole_in_json(tmp_path: Path, golden: Path) -> None:
    model = read_model(golden)
    assert model.manifest is not None
    labels = tuple(f"{letter} {'very long ' * 15}label" for letter in "abc")
    manifest = model.manifest.model_copy(update={"labels": labels, "class_thresholds": {labels[0]: 0.7}})
    path = tmp_path / "long.tflite"
    write_model(path, model.network, manifest, None, {})
    agent = edge_agent(tmp_path, "inspect", path)
    assert agent.process.returncode == 0, agent.stderr
    assert_fits_a_screen(agent.stdout)
    assert " … (all: --json)" in agent.stdout
    assert tuple(edge_agent(tmp_path, "inspect", path, "--json").records[0]["labels"]) == labels


def test_the_operations_are_those_of_the_file(golden: Path, runtime: RuntimeName) -> None:
    found = inspect_model(golden, runtime=runtime)
    kinds = {kind.kind: kind.count for kind in found.operations}
    assert kinds == {"QUANTIZE": 2, "MUL": 1, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}
    assert next(iter(kinds)) == "QUANTIZE"
    assert found.arithmetic == {"int8": 5, "uint8": 1}


@pytest.mark.parametrize("file", ["colours", "familiar"])
def test_what_xnnpack_takes_is_what_the_runtime_does_not_compute(file: str, runtime: RuntimeName) -> None:
    network = Network(read_model(GOLDEN / f"{file}.tflite").network, runtime=runtime)
    # tflite-runtime gives XNNPACK no int8 operations, and colours has no others
    assert file == "colours" or any(operation.in_xnnpack for operation in network.operations())
    assert steps_wrongly_counted(network) == []
