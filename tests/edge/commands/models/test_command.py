"""`edge-agent models`: list, add, use, rollback, without a restart of anything."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edge.commands.models.model_versions import add, choose_store, list_versions, rollback, use
from edge.config import AgentConfig
from edge.errors import ModelError, StorageError, UsageError
from edge.model.model_file import read_model, write_model
from edge.model.store import ModelStore
from tests.support.agents.command_line import RUNTIME, EdgeAgent, edge_agent

GOLDEN = Path(__file__).parents[3] / "golden"
COLOURS, FAMILIAR, SLOW = (GOLDEN / f"{name}.tflite" for name in ("colours", "familiar", "slow"))
FOREIGN, FLOAT = GOLDEN / "foreign_uint8.tflite", GOLDEN / "foreign_float32.tflite"


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def settings() -> AgentConfig:
    return AgentConfig.model_validate({"runtime": RUNTIME})


def current(store: ModelStore) -> str:
    assert store.current is not None
    return read_model(store.link).name


def as_found(store: ModelStore) -> dict[str, bytes | str]:
    """Names and contents of all that is in the folder."""
    if not store.folder.is_dir():
        return {}
    return {
        path.name: str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in store.folder.iterdir()
    }


def damaged(kind: str, folder: Path) -> Path:
    """A model file that must never become current."""
    data, path = COLOURS.read_bytes(), folder / f"{kind}.tflite"
    if kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "flipped":
        path.write_bytes(data[:9000] + bytes([data[9000] ^ 1]) + data[9001:])
    elif kind == "no-model":
        path.write_bytes(b"<html>not found</html>")
    elif kind == "other-answers":
        model = read_model(COLOURS)
        assert model.manifest is not None
        assert model.selftest is not None
        first, *rest = model.selftest.vectors
        swapped = first.model_copy(update={"scores": first.scores[::-1]})
        selftest = model.selftest.model_copy(update={"vectors": (swapped, *rest)})
        write_model(path, model.network, model.manifest, selftest, model.selftest_images)
    return path


def test_an_added_model_is_the_current_one(store: ModelStore, settings: AgentConfig) -> None:
    digest = hashlib.sha256(COLOURS.read_bytes()).hexdigest()
    done = add(store, settings, COLOURS, digest.upper())
    assert done.startswith(f"colours-1-{digest[:8]} is the current model")
    assert store.link.read_bytes() == COLOURS.read_bytes()


def test_adding_what_is_current_changes_nothing(store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, COLOURS, None)
    before = as_found(store)
    assert "already" in add(store, settings, COLOURS, None)
    assert as_found(store) == before


def test_the_list_tells_what_each_file_says_of_itself(store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, COLOURS, None)
    add(store, settings, FAMILIAR, None)
    newest, oldest = list_versions(store)
    assert (newest.current, newest.name, newest.version) == (True, "familiar", "1")
    assert (newest.accuracy, newest.count, newest.problem) == (1.0, 3, None)
    assert newest.model_hash == read_model(FAMILIAR).sha256
    assert (oldest.current, oldest.name) == (False, "colours")
    assert oldest.sha256 == hashlib.sha256(COLOURS.read_bytes()).hexdigest()[:8]


def test_going_back_twice_goes_further_back(store: ModelStore, settings: AgentConfig) -> None:
    for file in (COLOURS, FAMILIAR, FOREIGN):
        add(store, settings, file, None)
    rollback(store, settings)
    assert current(store) == "familiar"
    rollback(store, settings)
    assert current(store) == "colours"
    assert len(list_versions(store)) == 3


def test_the_version_that_was_left_goes_first_when_there_are_too_many(
    store: ModelStore, settings: AgentConfig
) -> None:
    for file in (COLOURS, FAMILIAR, SLOW):
        add(store, settings, file, None)
    rollback(store, settings)
    add(store, settings, FOREIGN, None)
    assert [each.name for each in list_versions(store)] == ["foreign_uint8-0", "familiar", "colours", "slow"]


@pytest.mark.parametrize("name", ["familiar", "file", "hash"])
def test_a_version_is_used_by_what_the_list_calls_it(
    store: ModelStore, settings: AgentConfig, name: str
) -> None:
    add(store, settings, FAMILIAR, None)
    add(store, settings, COLOURS, None)
    wanted = list_versions(store)[1]
    use(store, settings, {"familiar": name, "file": wanted.file, "hash": wanted.sha256}[name])
    assert current(store) == "familiar"
    assert "already" in use(store, settings, "familiar")


def test_what_could_be_two_versions_or_is_none_is_refused(store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, FAMILIAR, None)
    add(store, settings, COLOURS, None)
    before = as_found(store)
    with pytest.raises(UsageError, match=r"model 1: 2 models .* can be meant; there are: colours-1-"):
        use(store, settings, "1")
    with pytest.raises(UsageError, match="model 7: no model"):
        use(store, settings, "7")
    assert as_found(store) == before


def test_there_may_be_nothing_to_go_back_to(store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, COLOURS, None)
    with pytest.raises(UsageError, match="can't go back: no model was current before"):
        rollback(store, settings)


@pytest.mark.parametrize("kind", ["cut", "flipped", "no-model", "other-answers", "missing"])
def test_a_bad_file_leaves_the_store_as_it_was(
    store: ModelStore, settings: AgentConfig, tmp_path: Path, kind: str
) -> None:
    add(store, settings, FAMILIAR, None)
    before = as_found(store)
    with pytest.raises(ModelError) as raised:
        add(store, settings, damaged(kind, tmp_path), None)
    assert raised.value.exit_code == 78
    assert as_found(store) == before


def test_another_hash_than_was_told_is_refused(store: ModelStore, settings: AgentConfig) -> None:
    with pytest.raises(ModelError, match="its SHA-256 is 86b09dac"):
        add(store, settings, COLOURS, "0" * 64)
    assert as_found(store) == {}


def test_nobody_goes_back_to_a_damaged_version(store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, COLOURS, None)
    add(store, settings, FAMILIAR, None)
    store.former[0].path.write_bytes(COLOURS.read_bytes()[:20_000])
    with pytest.raises(ModelError):
        rollback(store, settings)
    assert current(store) == "familiar"
    assert list_versions(store)[1].problem == "damaged: it is not the file that was installed"


def test_a_damaged_current_version_can_be_added_again(store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, COLOURS, None)
    store.models[0].path.write_bytes(b"")
    assert "already" not in add(store, settings, COLOURS, None)
    assert store.link.read_bytes() == COLOURS.read_bytes()


def test_a_model_from_elsewhere_is_called_as_its_version(store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, FOREIGN, None)
    assert current(store).startswith("foreign_uint8-0-")


def test_a_side_car_does_not_get_lost_on_the_way(
    store: ModelStore, settings: AgentConfig, tmp_path: Path
) -> None:
    said = "mean = 127.5\nstd = 127.5\n"
    file = tmp_path / "there" / "some.tflite"
    file.parent.mkdir()
    file.write_bytes(FLOAT.read_bytes())
    file.with_suffix(".toml").write_text(said)
    with pytest.raises(ModelError, match=r"a \.toml file beside it says how it is read"):
        add(store, settings, file, None)
    store.make()
    (store.folder / "model.toml").write_text(said)
    add(store, settings, file, None)
    assert current(store).startswith("some-0-")


def test_a_folder_that_can_not_be_made_is_said(settings: AgentConfig) -> None:
    with pytest.raises(StorageError, match="can't store the models in /proc/models"):
        add(ModelStore(Path("/proc/models")), settings, COLOURS, None)


def test_the_store_is_where_the_configured_model_is() -> None:
    configured = AgentConfig(model=Path("/data/models/current"))
    assert choose_store(configured, None).folder == Path("/data/models")
    assert choose_store(configured, Path("here")).folder == Path("here")
    assert choose_store(AgentConfig(), None).folder == Path("/var/lib/edge-agent/models")


def test_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(f'model = "{tmp_path}/models/current"\n')
    for file in (COLOURS, FAMILIAR):
        added = edge_agent(tmp_path, "models", "add", file, "--runtime", RUNTIME)
        assert (added.process.returncode, added.stderr) == (0, "")
        assert added.stdout.endswith("is the current model; it runs when the agent is started again\n")
    assert edge_agent(tmp_path, "models", "rollback", "--runtime", RUNTIME).process.returncode == 0
    listed = edge_agent(tmp_path, "models")
    title, first, second = listed.stdout.splitlines()
    assert title.split() == ["name", "version", "sha256", "accuracy", "installed"]
    assert first.split()[:7] == ["*", "colours", "1", "86b09dac", "1.000", "of", "3"]
    assert second.split()[0] == "familiar"
    records = edge_agent(tmp_path, "models", "--json").records
    assert [(record["current"], record["name"]) for record in records] == [
        (True, "colours"),
        (False, "familiar"),
    ]


def test_a_bad_file_ends_with_78_and_one_sentence(tmp_path: Path) -> None:
    refused = edge_agent(tmp_path, "models", "add", damaged("cut", tmp_path), "--store", tmp_path / "s")
    assert refused.process.returncode == 78
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "s").exists()


def test_who_configures_another_file_is_told(tmp_path: Path) -> None:
    added = edge_agent(tmp_path, "models", "add", COLOURS, "--store", "s", "--runtime", RUNTIME)
    assert f'names runs/latest/model.tflite: write model = "{tmp_path}/s/current" into' in added.stdout
    watched = edge_agent(tmp_path, "models", "add", COLOURS, "--store", "s", "--watch", "60")
    assert watched.process.returncode == 2
    assert "can't watch the agent with it: the configuration names runs/latest/model.tflite" in watched.stderr


def test_options_of_models_do_not_vanish_before_its_commands(tmp_path: Path) -> None:
    refused = edge_agent(tmp_path, "models", "--store", "s", "add", COLOURS)
    assert refused.process.returncode == 2
    assert "write edge-agent models add --store …" in refused.stderr


def test_the_agent_runs_the_current_one(tmp_path: Path, store: ModelStore, settings: AgentConfig) -> None:
    add(store, settings, COLOURS, None)
    arguments = ("--camera", "test://", "--frames", 1, "--model", store.link, "--stdout")
    with EdgeAgent(tmp_path, *arguments) as agent:
        assert agent.wait() == 0
    assert {record["model"]["name"] for record in agent.records} == {"colours"}
