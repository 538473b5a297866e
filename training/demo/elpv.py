"""The demonstration's data: solar cells from the PyPI package `elpv-dataset`, laid out as class folders.

2,624 electroluminescence photographs of 300×300 px with a defect probability each, CC BY-NC-SA 4.0, for
non-commercial use: linked to where the package lies, never copied into this repository.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from training.errors import DemoError

MODULE = "elpv_dataset"
# The probabilities between are the experts' doubts, which are left out.
CLASSES = {0.0: "ok", 1.0: "defective"}


def lay_out_cells(folder: Path) -> Path:
    """Make `folder/<class>/cellNNNN.png` as links into the package; raises DemoError.

    Returns the folder. What an earlier call has left there is replaced.
    """
    source = _package_data()
    shutil.rmtree(folder, ignore_errors=True)
    for name in CLASSES.values():
        (folder / name).mkdir(parents=True)
    for path, probability in read_labels(source / "labels.csv"):
        if probability in CLASSES:
            image = source / path
            (folder / CLASSES[probability] / image.name).symlink_to(image)
    return folder


def read_labels(path: Path) -> list[tuple[str, float]]:
    """The image paths and defect probabilities of a labels.csv (its columns are padded with blanks)."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [line.split() for line in lines if line.strip()]
        return [(row[0], float(row[1])) for row in rows]
    except (OSError, ValueError, IndexError) as error:
        raise DemoError(f"can't read {path}", str(error), "install elpv-dataset again") from error


def _package_data() -> Path:
    """Where the package keeps its files; found without importing it."""
    found = importlib.util.find_spec(MODULE)
    if found is None or not found.submodule_search_locations:
        advice = "pip install elpv-dataset"
        raise DemoError("can't find the demonstration's photographs", f"{MODULE} is not installed", advice)
    return (Path(next(iter(found.submodule_search_locations))) / "data").resolve()
