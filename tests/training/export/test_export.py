"""Exports: each format is loaded by its own library, and one that is not what was trained is refused."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from edge.errors import ModelError
from tests.support.tools import need
from tests.training.conftest import Trained
from training.commands.terminal import Terminal
from training.errors import ExportError, MissingLibraryError, RunError
from training.export.exchange import Source
from training.export.formats import FORMATS, Tolerance, choose_formats
from training.export.record import ExportRecord
from training.export.stage import Exported, ExportOptions, export, export_one
from training.export.subject import Subject, make_subject
from training.export.verify import Check, compare
from training.fit.trained_network import attach_head
from training.head.softmax_head import Head
from training.progress import Silent
from training.runs import HEAD, MODEL, Run
from training.trained_run import read_trained

ROOT = Path(__file__).parents[3]
PHOTOGRAPHS = 12
LOAD_ELSEWHERE = """
import sys
import numpy as np
pixels = np.load("pixels.npy").astype(np.float32)
def keras(name):
    import keras
    return keras.saving.load_model(name, compile=False).predict(pixels, verbose=0)
def saved_model(name):
    import tensorflow as tf
    loaded = tf.saved_model.load(name)
    return loaded.signatures["serving_default"](pixels=tf.constant(pixels))["scores"].numpy()
def tflite(name):
    from ai_edge_litert.interpreter import Interpreter
    run = Interpreter(name).get_signature_runner()
    return np.concatenate([run(pixels=picture[None])["scores"] for picture in pixels])
def onnx(name):
    import onnxruntime
    session = onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"])
    return session.run(["scores"], {"pixels": pixels})[0]
loaders = {"model.keras": keras, "model.h5": keras, "saved_model": saved_model, "model.onnx": onnx,
    "model_float32.tflite": tflite, "model_float16.tflite": tflite, "model_dynamic.tflite": tflite}
np.savez("scores.npz", **{name: load(name) for name, load in loaders.items()})
print(*sorted(name for name in sys.modules if name.partition(".")[0] in ("edge", "training")))
"""


@pytest.fixture(scope="module", autouse=True)
def _onnx() -> None:
    for name in ("onnx", "tf2onnx", "onnxruntime"):
        need(importlib.util.find_spec(name) is not None, name)


@pytest.fixture(scope="module")
def subject(trained: Trained) -> Subject:
    return make_subject(read_trained(trained.run), PHOTOGRAPHS, Silent())


@pytest.fixture(scope="module")
def exported(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    out = tmp_path_factory.mktemp("export") / "first"
    return export(trained.run, ExportOptions(out=out, images=PHOTOGRAPHS), Silent())


@pytest.fixture
def run(trained: Trained, tmp_path: Path) -> Run:
    """A copy of the run to do harm to."""
    shutil.copytree(trained.run.folder, tmp_path / "runs" / "first")
    return Run(tmp_path / "runs" / "first", "first")


def changed(trained: Trained, subject: Subject) -> Subject:
    """The same, but for a network whose labels have changed places."""
    found = read_trained(trained.run)
    head = Head(np.roll(found.head.kernel, 1, axis=1), np.roll(found.head.bias, 1), found.head.centres)
    return replace(subject, source=Source(attach_head(found.backbone, head, 0.0), subject.source.shipped))


def edge_train(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training.cli", *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=600)


def test_every_format_is_made_and_says_what_was_trained(exported: Exported) -> None:
    assert exported.refused == ()
    assert [file.format for file in exported.files] == list(FORMATS)
    for file in exported.files:
        assert file.photographs == PHOTOGRAPHS
        assert file.agreement >= 0.9
    exact = [file for file in exported.files if FORMATS[file.format].tolerance == FORMATS["keras"].tolerance]
    assert len(exact) == 5
    assert all(file.agreement == 1.0 and file.largest_difference < 1e-4 for file in exact)


def test_the_folder_is_accounted_for(trained: Trained, exported: Exported) -> None:
    record = ExportRecord.model_validate_json((exported.folder / "export.json").read_bytes())
    assert record.files == exported.files
    assert (record.run, record.labels, record.preprocess.width) == ("first", ("disc", "plain", "stripes"), 96)
    assert (exported.folder / "labels.txt").read_text() == "disc\nplain\nstripes\n"
    found = {path.name for path in exported.folder.iterdir()}
    assert found == {"export.json", "labels.txt", *(entry.file for entry in FORMATS.values())}
    by_format = {file.format: file for file in record.files}
    for name in ("keras", "onnx", "tflite-int8"):
        data = (exported.folder / FORMATS[name].file).read_bytes()
        assert (by_format[name].bytes, by_format[name].sha256) == (
            len(data),
            hashlib.sha256(data).hexdigest(),
        )
    assert (exported.folder / "model_int8.tflite").read_bytes() == trained.run.path(MODEL).read_bytes()


@pytest.mark.proof
def test_other_peoples_tools_need_nothing_of_ours(
    trained: Trained, exported: Exported, subject: Subject, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported.folder, tmp_path / "elsewhere")
    np.save(folder / "pixels.npy", subject.pixels)
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ELSEWHERE],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    with np.load(trained.run.path("scores.npz")) as stored:
        measured = stored["test"][:PHOTOGRAPHS]
    with np.load(folder / "scores.npz") as found:
        assert len(found.files) == len(FORMATS) - 1
        for name in found.files:
            np.testing.assert_allclose(
                found[name], measured, atol=0.1 if "16" in name or "dyn" in name else 1e-4
            )


@pytest.mark.parametrize("name", ["keras", "saved-model", "tflite-dynamic", "onnx"])
def test_a_network_that_is_not_what_was_trained_is_refused_and_the_earlier_file_stays(
    trained: Trained, exported: Exported, subject: Subject, tmp_path: Path, name: str
) -> None:
    folder, file = shutil.copytree(exported.folder, tmp_path / "export"), FORMATS[name].file
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    with pytest.raises(
        ExportError, match=rf"{file} is not what was trained: \d of 12 decisions are the same"
    ):
        export_one(FORMATS[name], changed(trained, subject), folder, Silent())
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_a_refused_file_is_gone_where_there_was_none(
    trained: Trained, subject: Subject, tmp_path: Path
) -> None:
    with pytest.raises(ExportError):
        export_one(FORMATS["keras"], changed(trained, subject), tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["keras", "saved-model"])
def test_a_file_that_passed_replaces_the_earlier_one(
    subject: Subject, exported: Exported, tmp_path: Path, name: str
) -> None:
    folder, file = shutil.copytree(exported.folder, tmp_path / "export"), FORMATS[name].file
    stale = folder / file / "stale" if (folder / file).is_dir() else folder / file
    stale.write_bytes(b"stale")
    export_one(FORMATS[name], subject, folder, Silent())
    assert not stale.exists() or stale.read_bytes() != b"stale"
    assert {path.name for path in folder.iterdir()} == {path.name for path in exported.folder.iterdir()}


@pytest.mark.parametrize("name", ["keras", "h5", "tflite-float32", "tflite-int8", "onnx"])
def test_a_cut_off_file_is_one_sentence(exported: Exported, tmp_path: Path, name: str) -> None:
    entry = FORMATS[name]
    data = (exported.folder / entry.file).read_bytes()
    (tmp_path / entry.file).write_bytes(data[: len(data) // 2])
    with pytest.raises((ExportError, ModelError)) as raised:
        entry.load(tmp_path / entry.file)
    assert "\n" not in str(raised.value)


def test_one_refused_format_does_not_stop_the_others(run: Run, golden: Path) -> None:
    shutil.copy(golden, run.path(MODEL))
    found = export(run, ExportOptions(("tflite-int8", "tflite-float32"), images=4), Silent())
    assert [file.format for file in found.files] == ["tflite-float32"]
    assert [refused.format for refused in found.refused] == ["tflite-int8"]
    assert not (found.folder / "model_int8.tflite").exists()
    record = ExportRecord.model_validate_json((found.folder / "export.json").read_bytes())
    assert (record.files, record.refused) == (found.files, found.refused)


def test_another_export_keeps_account_of_the_earlier_files(run: Run) -> None:
    export(run, ExportOptions(("tflite-float32",), images=4), Silent())
    found = export(run, ExportOptions(("tflite-int8",), images=4), Silent())
    record = ExportRecord.model_validate_json((found.folder / "export.json").read_bytes())
    assert [file.format for file in record.files] == ["tflite-float32", "tflite-int8"]


@pytest.mark.slow
def test_a_network_other_than_the_measured_one_is_not_exported(run: Run) -> None:
    with np.load(run.path(HEAD)) as stored:
        head: dict[str, Any] = dict(stored)
    head["kernel"], head["bias"] = np.roll(head["kernel"], 1, axis=1), np.roll(head["bias"], 1)
    np.savez(run.path(HEAD), **head)
    done = edge_train("export", "--run", "first", "--format", "keras", cwd=run.folder.parents[1])
    assert done.returncode == 1
    assert done.stderr.startswith("error: the network of first does not say what was measured: ")
    assert "decisions are the same (0.970 of them must be)" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (run.path("export") / "model.keras").exists()


@pytest.mark.slow
def test_the_command_prints_a_table_and_nothing_else_on_stderr(run: Run) -> None:
    formats = ("--format", "h5", "--format", "onnx", "--images", "4")
    done = edge_train("export", *formats, cwd=run.folder.parents[1])
    assert (done.returncode, done.stderr) == (0, "")
    assert "first on 4 test photographs" in done.stdout
    assert "onnxruntime" in done.stdout
    assert len(done.stdout.splitlines()) < 25
    assert {"model.h5", "model.onnx"} < {path.name for path in run.path("export").iterdir()}


def test_an_unknown_format_is_one_sentence(run: Run) -> None:
    done = edge_train("export", "--format", "caffe", cwd=run.folder.parents[1])
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: there is no export format 'caffe'; take one of keras, h5, saved-model"
    )
    assert done.stderr.count("\n") == 1


def test_what_can_not_be_made_is_left_out_of_all_and_an_error_by_name(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    run.path(MODEL).unlink()
    with pytest.raises(MissingLibraryError, match=r"pip install '.\[onnx\]'"):
        export(run, ExportOptions(("onnx",)), Silent())
    with pytest.raises(RunError, match="edge-train quantize --run first"):
        export(run, ExportOptions(("tflite-int8",)), Silent())
    assert not run.path("export").exists()
    said = io.StringIO()
    names = [entry.name for entry in choose_formats(("all",), run, Terminal(Console(file=said)))]
    assert names == [name for name in FORMATS if name not in ("onnx", "tflite-int8")]
    found = [line.partition(":")[0] for line in said.getvalue().splitlines()]
    assert found == ["leaving out tflite-int8", "leaving out onnx"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labels.txt", "my own", "labels.txt is there, and no export wrote it"),
        ("model.onnx", "my own", "model.onnx is there, and no export wrote it"),
        ("export.json", "{}", "export.json: run: Field required; remove that file, or give another --out"),
    ],
)
def test_somebody_elses_files_are_left_alone(
    trained: Trained, tmp_path: Path, file: str, content: str, message: str
) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(ExportError, match=message):
        export(trained.run, ExportOptions(("keras",), tmp_path), Silent())
    assert [path.read_text() for path in tmp_path.iterdir()] == [content]


def test_two_runs_do_not_share_a_folder(trained: Trained, exported: Exported) -> None:
    other = Run(trained.run.folder, "second")
    with pytest.raises(ExportError, match="it holds the exports of the run first; give another --out"):
        export(other, ExportOptions(("keras",), exported.folder), Silent())


def test_a_folder_that_can_not_be_made_is_one_sentence(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="give another --out"):
        export(trained.run, ExportOptions(("keras",), tmp_path / "file" / "out"), Silent())


def test_scores_that_are_no_numbers_or_of_other_labels_agree_in_nothing() -> None:
    reference = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    assert compare(reference, reference) == Check(2, 1.0, 0.0)
    assert not compare(np.full((2, 2), np.nan, np.float32), reference).within(Tolerance(0.0, 0.5))
    assert compare(np.ones((2, 3), np.float32), reference) == Check(2, 0.0, 1.0)
