"""report.html: the conclusions with tables, plots and pictures, in one file that needs nothing else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.dataset.scan import PARTS
from training.network.frozen_backbone import versions
from training.packing.pack import LIBRARIES
from training.report.conclusions import Conclusions
from training.report.confusion import table_rows
from training.report.pictures import PictureResults
from training.report.plots import accuracy_plot, loss_plot, reliability_plot, tradeoff, tradeoff_plot
from training.report.quality import weak_classes
from training.report.read import RunRecords
from training.report.wording import percent, short_interval
from training.trained_run import TrainedRun

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = "report.html.jinja"
FEW_CLASSES = 12
# The most frequent confusions; the table below shows the rest.
MAX_PAIRS = 10


def _learning(conclusions: Conclusions) -> list[tuple[Any, str, str]]:
    """Each fit with its two plots."""
    return [
        (entry, loss_plot(entry.fit.curves, entry.kept), accuracy_plot(entry.fit.curves, entry.kept))
        for entry in conclusions.learning
    ]


def report_page(
    trained: TrainedRun,
    records: RunRecords,
    pictures: PictureResults,
    conclusions: Conclusions,
    wanted: float,
) -> str:
    """The page as HTML; names and labels are escaped by the template, plots hold none."""
    evaluation, labels = records.evaluation, trained.split.labels
    test = evaluation.test
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            run=trained.run.name,
            config=trained.config,
            record=trained.record,
            created=_local(trained.record.created),
            fingerprint=trained.split.fingerprint()[:12],
            parts=PARTS,
            counts={part: trained.split.counts(part) for part in PARTS},
            labels=labels,
            records=records,
            evaluation=evaluation,
            test=test,
            conclusions=conclusions,
            learning=_learning(conclusions),
            pictures=pictures,
            plots=_plots(trained, records),
            rows=table_rows(labels, test.confusion),
            few_classes=len(labels) <= FEW_CLASSES,
            most_pairs=MAX_PAIRS,
            weak={entry.label for entry in weak_classes(test, wanted)},
            versions=versions(LIBRARIES),
        )
    )


def _plots(trained: TrainedRun, records: RunRecords) -> dict[str, str]:
    test, targets = records.evaluation.test, np.asarray(trained.split.targets("test"), np.int64)
    chosen = (test.answered, test.accuracy_answered)
    curve = tradeoff(records.test.scores, targets)
    return {
        "reliability": reliability_plot(test.bins),
        "tradeoff": tradeoff_plot(curve, chosen, records.evaluation.target_precision),
    }


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["interval"] = short_interval
    return environment


def _local(created: str) -> str:
    """A moment in UTC as local date and time."""
    try:
        return f"{datetime.fromisoformat(created).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return created
