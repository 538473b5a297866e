"""`edge-agent models`: which models a device has, and another one for the agent to run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from edge.agent.load_classifier import load_classifier
from edge.commands.models.canary import Canary
from edge.config import AgentConfig
from edge.errors import ModelError, StorageError, UpdateError, UsageError
from edge.model.foreign.sidecar import read_sidecar
from edge.model.model_file import ModelFile, read_bytes, read_model
from edge.model.store import CURRENT, ModelStore, StoredModel
from edge.publish.payloads import rfc3339

USUAL_STORE = Path("/var/lib/edge-agent/models")


@dataclass(frozen=True, slots=True)
class Version:
    """One line of the list. sha256: of the file, 8 digits; model_hash: the network's, as in states and stats.

    accuracy, on `count` held-out photographs, is the shipped network's, None where the file does not say.
    installed: UTC, RFC 3339. problem: why it can't be used.
    """

    current: bool
    name: str
    version: str
    sha256: str
    model_hash: str | None
    accuracy: float | None
    count: int | None
    installed: str
    file: str
    problem: str | None = None


def choose_store(settings: AgentConfig, folder: Path | None) -> ModelStore:
    """The store that is meant: the one named, else the configured model's, else the usual one."""
    configured = settings.model.parent if settings.model.name == CURRENT else USUAL_STORE
    return ModelStore(folder or configured)


def list_versions(store: ModelStore) -> list[Version]:
    """All versions in the store: the current one, then those before it, the last one first."""
    current = store.current
    return [_describe(model, is_current=model == current) for model in store.models]


def add(
    store: ModelStore, settings: AgentConfig, file: Path, sha256: str | None, canary: Canary | None = None
) -> str:
    """Verify a model as the agent would run it, store it and make it current; what was done, in words.

    Raises ModelError, StorageError or UpdateError, and then the store is as it was; but a first model that
    does not do well stays, as there is none to go back to.
    """
    data = read_bytes(file)
    _compare_hash(file, data, sha256)
    model = _verify(settings, file)
    if model.manifest is None:
        _refuse_sidecar(file, store)
    if read_bytes(file) != data:
        raise ModelError(f"can't use the model {file}", "it changed while it was read", "copy it again")
    store.make()
    with store.locked():
        current = store.current
        if current and current.digest == hashlib.sha256(data).hexdigest()[:8] and current.is_whole:
            return f"{_name(current)} is the current model already"
        known = store.models
        stored = store.put(data, model.name, model.version)
        try:
            done = _make_current(store, stored, _list_former(store, stored), canary, model)
        except (StorageError, UpdateError):
            if stored not in known and stored != store.current:
                store.remove(stored)
            raise
        store.prune()
    return done


def use(store: ModelStore, settings: AgentConfig, wanted: str, canary: Canary | None = None) -> str:
    """Make a stored version current; what was done, in words. Raises as `add`, or UsageError."""
    with store.locked():
        current, model = store.current, _find_version(store, wanted)
        if model == current:
            return f"{_name(model)} is the current model already"
        proven = _verify(settings, model.path)
        return _make_current(store, model, _list_former(store, model), canary, proven)


def rollback(store: ModelStore, settings: AgentConfig, canary: Canary | None = None) -> str:
    """Make the version before the current one current again; what was done, in words. Raises as `use`.

    Once more goes back one further: what was left is the last to go back to.
    """
    with store.locked():
        current, former = store.current, store.former
        if not former:
            raise UsageError("can't go back", f"no model was current before in {store.folder}", "add one")
        proven = _verify(settings, former[0].path)
        rest = [*former[1:], *([current] if current else [])]
        return _make_current(store, former[0], rest, canary, proven)


def _make_current(
    store: ModelStore,
    model: StoredModel,
    former: list[StoredModel],
    canary: Canary | None,
    content: ModelFile,
) -> str:
    """Switch, and with a canary also back again where the agent is worse; raises UpdateError then."""
    old, old_former = store.current, store.former
    if canary is None:
        store.switch(model, former)
        return f"{_name(model)} is the current model; it runs when the agent is started again"
    before = canary.begin()
    store.switch(model, former)
    worse = canary.run(content.sha256, before)
    if worse is None:
        return f"{_name(model)} is the current model, and the agent runs it: {canary.summary}"
    if old is None:
        raise UpdateError(f"the agent does not do well with {_name(model)}", worse, "add another model")
    store.switch(old, old_former)
    problem = canary.restart()
    again = f", but does not start either: {problem}" if problem else ""
    raise UpdateError(f"{_name(model)} was taken back", worse, f"{_name(old)} is current again{again}")


def _verify(settings: AgentConfig, file: Path) -> ModelFile:
    """The model as the agent would load it: verified, tried out, self-tested; raises ModelError."""
    return load_classifier(settings.model_copy(update={"model": file})).model


def _compare_hash(file: Path, data: bytes, expected: str | None) -> None:
    found = hashlib.sha256(data).hexdigest()
    if expected is not None and found != expected.strip().lower():
        why = f"its SHA-256 is {found}, not {expected}"
        raise ModelError(f"the model {file} is damaged", why, "copy it again")


def _refuse_sidecar(file: Path, store: ModelStore) -> None:
    """What a side-car says does not travel: the agent would read the model otherwise."""
    if read_sidecar(file) != read_sidecar(store.folder / file.name):
        why = "a .toml file beside it says how it is read, and that does not come along"
        advice = "write it into agent.toml, or make one file of both with `edge-train import`"
        raise ModelError(f"can't store the model {file}", why, advice)


def _list_former(store: ModelStore, model: StoredModel) -> list[StoredModel]:
    """Those before it, once `model` is the current one."""
    now = [store.current] if store.current else []
    return [each for each in [*now, *store.former] if each != model]


def _find_version(store: ModelStore, wanted: str) -> StoredModel:
    """The version meant by its name, version, hash or file; raises UsageError unless it is exactly one."""
    listed = dict(zip(store.models, list_versions(store), strict=True))
    found = [
        model
        for model, about in listed.items()
        if wanted in (about.name, about.version, about.sha256, model.path.name, model.path.stem)
    ]
    if len(found) != 1:
        names = ", ".join(model.path.stem for model in listed) or "none"
        why = f"{f'{len(found)} models' if found else 'no model'} in {store.folder} can be meant"
        raise UsageError(f"can't use the model {wanted}", why, f"there are: {names}")
    return found[0]


def _describe(model: StoredModel, *, is_current: bool) -> Version:
    content: ModelFile | None = None
    problem: str | None = "damaged: it is not the file that was installed"
    try:
        installed_s = model.path.stat().st_mtime
        if model.is_whole:
            content, problem = read_model(model.path), None
    except ModelError as error:
        problem = str(error)
    except OSError as error:
        why = error.strerror or str(error)
        raise StorageError(f"can't read {model.path}", why, "run it as root (sudo)") from error
    measured = content.manifest.metrics.int8 if content and content.manifest else None
    return Version(
        current=is_current,
        name=content.name if content and content.manifest else model.path.stem[:-9],
        version=content.version if content else "?",
        sha256=model.digest,
        model_hash=content.sha256 if content else None,
        accuracy=measured.accuracy if measured else None,
        count=measured.count if measured else None,
        installed=rfc3339(installed_s),
        file=model.path.name,
        problem=problem,
    )


def _name(model: StoredModel) -> str:
    return model.path.stem
