"""Models from elsewhere: read where all is known, refused in one sentence where something is not."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ModelError
from edge.infer.classifier import Classifier
from edge.input_settings import InputSettings
from edge.model.foreign.probe import try_out
from edge.model.interpreter import RuntimeName
from edge.model.model_file import read_model
from edge.preprocess import prepare
from edge.records import ModelInput
from tests.support.agents.command_line import edge_agent
from tests.support.cameras.videos import BGR, picture, write_picture

LABELS = ("blue", "green", "red")
HALF = InputSettings.model_validate({"mean": 127.5, "std": 127.5})
CODINGS = ("float32", "int8", "uint8")


@pytest.fixture
def folder(golden: Path) -> Path:
    return golden.parent


@pytest.fixture
def logits(folder: Path, tmp_path: Path) -> Path:
    """A float network that says nothing of itself, beside a label list."""
    (tmp_path / "labels.txt").write_text("0 blue\n1 green\n2 red\n")
    path = tmp_path / "logits.tflite"
    path.write_bytes((folder / "foreign_logits.tflite").read_bytes())
    return path


def teachable_machine(path: Path, network: bytes, name: str = "model_unquant.tflite") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, network)
        archive.writestr("labels.txt", "0 blue\n1 green\n2 red\n")
        archive.writestr(f"__MACOSX/._{name}", b"a shadow")
    return path


@pytest.mark.parametrize("coding", CODINGS)
def test_the_metadata_says_how_pictures_go_in_and_what_comes_out(
    folder: Path, runtime: RuntimeName, coding: str
) -> None:
    model = read_model(folder / f"foreign_{coding}.tflite")
    classifier = Classifier(model, runtime=runtime)
    assert (classifier.labels, classifier.coding.dtype) == (LABELS, coding)
    assert classifier.coding.mean == classifier.coding.std == (127.5, 127.5, 127.5)
    for label in BGR:
        values = classifier.classify(picture(label)).values
        assert classifier.labels[int(values.argmax())] == label
        assert values.sum() == pytest.approx(1, abs=0.02)


def test_the_same_network_decides_alike_in_every_coding(
    folder: Path, runtime: RuntimeName, logits: Path
) -> None:
    models = [read_model(folder / f"foreign_{coding}.tflite") for coding in CODINGS]
    models.append(read_model(logits, logits.parent / "labels.txt", HALF))
    rng = np.random.default_rng(3)
    images = [
        picture(label) // 2 + rng.integers(0, 128, (48, 64, 3)).astype(np.uint8)
        for label in BGR
        for _ in range(3)
    ]
    rows = [
        np.stack([classifier.classify(image).values for image in images])
        for classifier in (Classifier(model, runtime=runtime) for model in models)
    ]
    for row in rows[1:]:
        assert np.array_equal(row.argmax(axis=1), rows[0].argmax(axis=1))
        assert np.abs(row - rows[0]).max() < 0.02


@pytest.mark.parametrize("coding", CODINGS)
def test_a_prepared_picture_gives_the_same_scores(folder: Path, runtime: RuntimeName, coding: str) -> None:
    classifier = Classifier(read_model(folder / f"foreign_{coding}.tflite"), runtime=runtime)
    image = picture("green") // 2 + picture("red") // 3
    prepared = classifier.classify_input(ModelInput(prepare(image, classifier.spec)))
    assert np.array_equal(classifier.classify(image).values, prepared.values)


def test_a_float_network_that_says_nothing_is_refused_with_what_to_give(
    logits: Path, runtime: RuntimeName
) -> None:
    with pytest.raises(ModelError, match=r"nothing says how it was normalised; give --mean and --std"):
        Classifier(read_model(logits, logits.parent / "labels.txt"), runtime=runtime)


def test_logits_become_probabilities(logits: Path, runtime: RuntimeName) -> None:
    classifier = Classifier(read_model(logits, logits.parent / "labels.txt", HALF), runtime=runtime)
    assert classifier.activation == "softmax"
    values = classifier.classify(picture("red")).values
    assert values.sum() == pytest.approx(1, abs=1e-5)
    assert values[2] > 0.9


def test_what_is_said_on_this_run_wins_over_the_side_car_and_that_over_the_metadata(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes((folder / "foreign_float32.tflite").read_bytes())
    assert read_model(path).given.settings == HALF
    (tmp_path / "model.toml").write_text('mean = 10\nstd = [1, 2, 3]\nfit = "pad"\n')
    given = read_model(path).given.settings
    assert (given.mean, given.std, given.fit) == ((10, 10, 10), (1, 2, 3), "pad")
    given = read_model(path, None, InputSettings(fit="stretch")).given.settings
    assert (given.mean, given.fit) == ((10, 10, 10), "stretch")
    (tmp_path / "m.toml").write_text('interpolation = "area"\n')
    given = read_model(path).given.settings
    assert (given.mean, given.fit, given.interpolation) == ((127.5, 127.5, 127.5), None, "area")


def test_a_side_car_names_the_labels_from_its_own_folder(logits: Path, runtime: RuntimeName) -> None:
    logits.with_suffix(".toml").write_text('labels = "labels.txt"\nmean = 127.5\nstd = 127.5\n')
    classifier = Classifier(read_model(logits), runtime=runtime)
    assert classifier.labels == LABELS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("meen = 1\n", r"meen: unknown key; it may hold mean, std"),
        ("mean = 1\n", r"mean and std belong together"),
        ("mean = [1, 2]\nstd = 1\n", r"mean: .*give one number, or three"),
        ("mean = 1\nstd = 0\n", r"std: .*greater than 0"),
        ("mean = nan\nstd = 1\n", r"mean: "),
        ('fit = "squash"\n', r"fit: "),
        ("mean = = 1\n", r"mend or remove it"),
    ],
)
def test_a_side_car_with_a_mistake_is_refused(logits: Path, text: str, why: str) -> None:
    (logits.parent / "model.toml").write_text(text)
    with pytest.raises(ModelError, match=why) as failure:
        read_model(logits)
    assert "\n" not in str(failure.value)


def test_our_own_file_is_not_told_how_to_read_itself(golden: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.tflite"
    path.write_bytes(golden.read_bytes())
    with pytest.raises(ModelError, match=r"its own manifest says .*leave out mean"):
        read_model(path, None, HALF)
    (tmp_path / "model.toml").write_text("mean = 1\nstd = 1\n")
    assert read_model(path).name == "colours"
    (tmp_path / "own.toml").write_text("mean = 1\nstd = 1\n")
    with pytest.raises(ModelError, match=r"its own manifest says .*own.toml says so as well; remove"):
        read_model(path)


def test_mean_and_std_that_an_integer_input_cannot_hold_are_refused(
    folder: Path, runtime: RuntimeName
) -> None:
    raw = InputSettings.model_validate({"mean": 0, "std": 1})
    model = read_model(folder / "foreign_uint8.tflite", None, raw)
    with pytest.raises(ModelError, match=r"can't hold most of uint8 of \(x − 0\) / 1"):
        Classifier(model, runtime=runtime)


def test_a_zip_of_teachable_machine_runs_as_it_was_downloaded(
    folder: Path, tmp_path: Path, runtime: RuntimeName
) -> None:
    network = (folder / "foreign_logits.tflite").read_bytes()
    model = read_model(teachable_machine(tmp_path / "converted_tflite.zip", network))
    classifier = Classifier(model, runtime=runtime)
    assert (model.name, classifier.labels) == ("converted_tflite", LABELS)
    assert classifier.labels[int(classifier.classify(picture("green")).values.argmax())] == "green"


def test_our_own_file_in_a_zip_is_still_our_own(golden: Path, tmp_path: Path) -> None:
    model = read_model(teachable_machine(tmp_path / "own.zip", golden.read_bytes()))
    assert (model.name, model.labels) == ("colours", LABELS)


def test_a_zip_that_claims_gigabytes_is_not_read(folder: Path, tmp_path: Path) -> None:
    network = (folder / "foreign_logits.tflite").read_bytes()
    bomb = teachable_machine(tmp_path / "bomb.zip", network)
    data = bytearray(bomb.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    bomb.write_bytes(data)
    with pytest.raises(ModelError, match="claim too much room"):
        read_model(bomb)


def test_a_damaged_zip_is_refused_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    network = (folder / "foreign_logits.tflite").read_bytes()
    path = teachable_machine(tmp_path / "m.zip", network)
    data, said = path.read_bytes(), []
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        try:
            read_model(path)
        except ModelError as error:
            said.append(str(error))
    assert len(said) > len(data) // 14
    assert not [sentence for sentence in said if "\n" in sentence]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with pytest.raises(ModelError, match=r"the zip holds 0 \.tflite files"):
        read_model(path)


def test_a_network_for_the_edge_tpu_is_refused(folder: Path, tmp_path: Path) -> None:
    network = (folder / "foreign_custom.tflite").read_bytes()
    for path in (folder / "foreign_custom.tflite", teachable_machine(tmp_path / "tpu.zip", network)):
        with pytest.raises(ModelError, match="compiled for Coral's Edge TPU; take the file from before"):
            read_model(path)


def test_an_operation_that_the_runtime_lacks_is_named(folder: Path, runtime: RuntimeName) -> None:
    path = folder / "foreign_custom.tflite"
    network = path.read_bytes().replace(b"edgetpu-custom-op", b"FlexDenseBincount")
    wanted = r"operations that the runtime does not have: FlexDenseBincount"
    with pytest.raises(ModelError, match=wanted) as failure:
        try_out(path, network, runtime)
    assert "\n" not in str(failure.value)


def test_a_network_that_takes_too_long_is_given_up(folder: Path, runtime: RuntimeName) -> None:
    path = folder / "foreign_logits.tflite"
    with pytest.raises(ModelError, match=r"not done with three pictures after 0.01 s"):
        try_out(path, path.read_bytes(), runtime, timeout_s=0.01)


def test_a_cut_off_network_ends_a_process_of_its_own(folder: Path, runtime: RuntimeName) -> None:
    path = folder / "foreign_logits.tflite"
    data = path.read_bytes()
    for size in (60, len(data) // 2, len(data) - 200):
        with pytest.raises(ModelError) as failure:
            try_out(path, data[:size], runtime)
        assert "\n" not in str(failure.value)


def test_the_agent_checks_and_classifies_with_options(logits: Path) -> None:
    write_picture(logits.parent / "red.png", "red")
    options = ("--model", logits, "--labels", logits.parent / "labels.txt", "--std", "127.5")
    done = edge_agent(
        logits.parent,
        "classify",
        logits.parent / "red.png",
        *options,
        "--mean",
        "127.5,127.5,127.5",
        "--json",
    )
    assert json.loads(done.stdout)["label"] == "red", done.stderr
    done = edge_agent(logits.parent, "classify", logits.parent / "red.png", *options)
    assert done.process.returncode == 2
    assert "mean and std belong together" in done.stderr


def test_the_agent_refuses_before_the_first_frame(logits: Path) -> None:
    done = edge_agent(
        logits.parent,
        "--camera",
        "test://",
        "--stdout",
        "--model",
        logits,
        "--labels",
        logits.parent / "labels.txt",
    )
    assert (done.process.returncode, done.stdout) == (78, "")
    assert done.stderr.count("error: ") == 1


def test_the_configuration_may_say_it(logits: Path) -> None:
    (logits.parent / "agent.toml").write_text(
        'model = "logits.tflite"\nlabels = "labels.txt"\n[input]\nmean = 127.5\nstd = [127.5, 127.5, 127.5]\n'
    )
    write_picture(logits.parent / "blue.png", "blue")
    done = edge_agent(logits.parent, "classify", logits.parent / "blue.png", "--json")
    assert json.loads(done.stdout)["label"] == "blue", done.stderr


def test_the_agent_runs_a_zip_as_it_was_downloaded(folder: Path, tmp_path: Path) -> None:
    archive = teachable_machine(tmp_path / "m.zip", (folder / "foreign_logits.tflite").read_bytes())
    (tmp_path / "line").mkdir()
    for number in range(6):
        write_picture(tmp_path / "line" / f"{number}.png", "green")
    done = edge_agent(tmp_path, "--camera", tmp_path / "line", "--stdout", "--model", archive)
    assert done.process.returncode == 0, done.stderr
    assert "green" in [record["label"] for record in done.records]
    assert "its outputs are logits, so a softmax is added" in done.stderr
