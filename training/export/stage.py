"""The export stage: a trained run → files for other people's tools, each compared before it is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.errors import ModelError
from edge.model.manifest import Preprocess
from edge.model.model_file import LABELS, write_atomically
from training.errors import TrainingError
from training.export.folder import RECORD, earlier_files, hash_of, make_folder, place, size_of
from training.export.formats import FORMATS, Format, choose_formats
from training.export.record import ExportedFile, ExportRecord, RefusedFile
from training.export.subject import Subject, make_subject
from training.export.verify import compare, require, scores_of
from training.progress import Reporter
from training.runs import Run
from training.trained_run import TrainedRun, read_trained

FOLDER = "export"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """formats: names of FORMATS or `all`, which nothing means too. images: test photographs to compare on.

    out: the folder, `export` in the run's own if None.
    """

    formats: tuple[str, ...] = ()
    out: Path | None = None
    images: int = 50


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it: `files` are this export's, `refused` the formats that came to nothing."""

    folder: Path
    files: tuple[ExportedFile, ...]
    refused: tuple[RefusedFile, ...]


def export(run: Run, options: ExportOptions, reporter: Reporter) -> Exported:
    """Write each format, load it by its own library, compare, and keep it only if it is what was trained.

    Raises ExportError, SettingsError, RunError or MissingLibraryError where nothing can be exported.
    """
    formats = choose_formats(options.formats, run, reporter)
    folder = options.out or run.path(FOLDER)
    earlier = earlier_files(folder, run.name, (entry.file for entry in FORMATS.values()))
    trained = read_trained(run)
    subject = make_subject(trained, options.images, reporter)
    make_folder(folder)
    files: list[ExportedFile] = []
    refused: list[RefusedFile] = []
    _describe(trained, folder, earlier, refused)
    for entry in formats:
        try:
            files.append(export_one(entry, subject, folder, reporter))
        except (TrainingError, ModelError) as error:
            refused.append(RefusedFile(format=entry.name, why=str(error)))
        # after each, not at the end: an interrupted export leaves no file that nobody accounts for
        _describe(trained, folder, _merge(earlier, files), refused)
    return Exported(folder, tuple(files), tuple(refused))


def export_one(entry: Format, subject: Subject, folder: Path, reporter: Reporter) -> ExportedFile:
    """Export one format into a folder that is there.

    Raises ExportError or ModelError, with an earlier file as it was, where the new one can't be made or
    loaded, or is not what was trained.
    """
    reporter.note(f"exporting {entry.name}{entry.remark}")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as working:
        path = Path(working) / entry.file
        entry.write(subject.source, path)
        loaded = entry.load(path)
        check = compare(scores_of(entry.file, loaded, subject.pixels, reporter), subject.reference)
        what, advice = f"{entry.file} is not what was trained", "it was removed; take another format"
        require(check, entry.tolerance or subject.int8_tolerance, what, advice)
        made = ExportedFile(
            format=entry.name,
            file=entry.file,
            bytes=size_of(path),
            sha256=hash_of(path),
            library=loaded.library,
            library_version=loaded.version,
            photographs=check.count,
            agreement=check.agreement,
            largest_difference=check.largest_difference,
            passed=True,
            temperature=subject.temperature,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        place(path, folder / entry.file)
    return made


def _merge(earlier: Sequence[ExportedFile], files: Sequence[ExportedFile]) -> tuple[ExportedFile, ...]:
    """What the folder holds now, in the formats' order."""
    by_format = {file.format: file for file in (*earlier, *files)}
    return tuple(by_format[name] for name in FORMATS if name in by_format)


def _describe(
    trained: TrainedRun, folder: Path, files: tuple[ExportedFile, ...], refused: Sequence[RefusedFile]
) -> None:
    """Write labels.txt and export.json."""
    labels = trained.split.labels
    record = ExportRecord(
        run=trained.run.name,
        labels=labels,
        preprocess=Preprocess.of(trained.config.spec),
        files=files,
        refused=tuple(refused),
    )
    write_atomically(folder / LABELS, "".join(f"{label}\n" for label in labels).encode())
    write_atomically(folder / RECORD, record.model_dump_json(indent=1, by_alias=True).encode() + b"\n")
