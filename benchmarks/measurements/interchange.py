"""Does MediaPipe's ImageClassifier, given our model file as it is, name photographs as the agent does?

Run: make interchange (MODEL=model.tflite PHOTOGRAPHS=folder/)
MediaPipe always stretches. So it must agree on square photographs, and on all where fit = stretch: that is
promised, and breaking it is exit code 1. The other fits are reported. Without a model one is trained first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from edge.commands.classify.classify_images import find_image_files
from edge.infer.classifier import Classifier
from edge.model.model_file import read_model, write_model
from edge.preprocess import Fit, Image, encode_png, read_image
from edge.unknown_rule import unknown_reason

ROOT = Path(__file__).parents[2]
MEDIAPIPE = ROOT / ".venv-mediapipe" / "bin" / "python"
DATA = ROOT.parent / "shared" / "datasets" / "grocery10"
COUNT, PROMISED = 100, 0.97
SHAPES = (16 / 9, 3 / 4)
TIMEOUT_S = 1800
FITS: tuple[Fit, ...] = get_args(Fit)


@dataclass(frozen=True, slots=True)
class Agreement:
    """On how many of `count` photographs the best label is the same; `promised`: on 97 % it must be.

    answered, same_answered: the same counts without those to which the agent says unknown.
    """

    fit: Fit
    shape: str
    same: int
    count: int
    promised: bool
    answered: int = 0
    same_answered: int = 0

    @property
    def broken(self) -> bool:
        """True where a promise is not kept."""
        return self.promised and self.same < PROMISED * self.count


def main() -> int:
    """Print the table; the exit code says whether the promise is kept."""
    parser = argparse.ArgumentParser(description="the agent's labels against MediaPipe's")
    parser.add_argument("--model", type=Path, help="a model file (default: one is trained here)")
    parser.add_argument("--photographs", type=Path, default=DATA / "test", help="which it was not trained on")
    options = parser.parse_args()
    if not options.photographs.is_dir() or not (options.model or DATA.is_dir()):
        print(f"skipped: the photographs {options.photographs} are not here (see --photographs, --model)")
        return 0
    if not MEDIAPIPE.is_file():
        raise SystemExit("error: .venv-mediapipe is missing; write make interchange, which builds it")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        model = options.model or _trained(work / "runs")
        found = agreements(model, pictures(options.photographs, work), work)
    _print_table(found)
    return int(any(agreement.broken for agreement in found))


def pictures(folder: Path, work: Path) -> dict[str, list[Path]]:
    """A hundred square photographs as they are, and as many cut to 16:9 and 3:4, in turn."""
    files = find_image_files([folder])
    square = _spread([path for path in files if _is_square(read_image(path))])
    cut = []
    for number, path in enumerate(_spread(files)):
        cut.append(work / f"{number:03}.png")
        cut[-1].write_bytes(encode_png(_cut(read_image(path), SHAPES[number % len(SHAPES)])))
    return {"square": square, "not square": cut}


def agreements(model: Path, photographs: Mapping[str, Sequence[Path]], work: Path) -> list[Agreement]:
    """How often MediaPipe, given this very file, and the agent, under each fit, name the same label."""
    theirs = {shape: mediapipe_labels(model, paths) for shape, paths in photographs.items()}
    found = []
    for fit in FITS:
        classifier = Classifier(read_model(_with_fit(model, fit, work / f"{fit}.tflite")))
        for shape, paths in photographs.items():
            ours = [_answer(classifier, path) for path in paths]
            found.append(_counted(fit, shape, ours, theirs[shape]))
    return found


def _counted(fit: Fit, shape: str, ours: Sequence[tuple[str, bool]], theirs: Sequence[str]) -> Agreement:
    same = [label == their for (label, _), their in zip(ours, theirs, strict=True)]
    answered = [alike for alike, (_, known) in zip(same, ours, strict=True) if known]
    promised = shape == "square" or fit == "stretch"
    return Agreement(fit, shape, sum(same), len(same), promised, len(answered), sum(answered))


def mediapipe_labels(model: Path, paths: Sequence[Path]) -> list[str]:
    """The label of each photograph by MediaPipe, in an environment and a process of its own."""
    done = subprocess.run(
        [MEDIAPIPE, ROOT / "benchmarks" / "programs" / "mediapipe_labels.py", model],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    if done.returncode:
        raise RuntimeError(f"MediaPipe failed on {model}:\n{done.stderr}")
    return [json.loads(line)["label"] for line in done.stdout.splitlines()]


def _trained(runs: Path) -> Path:
    train = [sys.executable, "-m", "training"]
    for command in (["train", str(DATA)], ["quantize", "--selftest", "synthetic"]):
        subprocess.run([*train, *command, "--runs-dir", str(runs)], check=True, cwd=ROOT, timeout=TIMEOUT_S)
    return runs / "latest" / "model.tflite"


def _with_fit(model: Path, fit: Fit, path: Path) -> Path:
    """The same network under another fit; without the self-test, which holds for the fit it was made with."""
    content = read_model(model)
    if content.manifest is None:
        raise SystemExit(f"error: {model} has no manifest, so its fit can't be chosen; give a file of ours")
    preparation = content.manifest.preprocess.model_copy(update={"fit": fit})
    write_model(
        path, content.network, content.manifest.model_copy(update={"preprocess": preparation}), None, {}
    )
    return path


def _answer(classifier: Classifier, path: Path) -> tuple[str, bool]:
    """The best label, and whether the agent would say it rather than unknown."""
    found = classifier.classify(read_image(path))
    best = int(found.values.argmax())
    return classifier.labels[best], unknown_reason(found, classifier.labels, classifier.limits) is None


def _spread(paths: Sequence[Path]) -> list[Path]:
    """A hundred at even distances, so that every class has its share."""
    count = min(COUNT, len(paths))
    return [paths[number * len(paths) // count] for number in range(count)]


def _is_square(image: Image) -> bool:
    return image.shape[0] == image.shape[1]


def _cut(image: Image, ratio: float) -> Image:
    """The centre with this ratio of width to height."""
    height, width = image.shape[:2]
    new_width, new_height = min(width, round(height * ratio)), min(height, round(width / ratio))
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return image[top : top + new_height, left : left + new_width]


def _print_table(found: Sequence[Agreement]) -> None:
    print(f"{'fit':10}{'photographs':13}{'same label':>12}{'of the answered':>18}  promised")
    for each in found:
        promise = f"≥ {PROMISED:.0%}{', BROKEN' if each.broken else ''}" if each.promised else "—"
        same = f"{each.same} of {each.count}"
        print(
            f"{each.fit:10}{each.shape:13}{same:>12}{each.same_answered:>11} of {each.answered:3}  {promise}"
        )


if __name__ == "__main__":
    sys.exit(main())
