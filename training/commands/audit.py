"""`edge-train audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.commands.options import (
    Backbone,
    DataArgument,
    DataOption,
    GroupBy,
    RunsDir,
    Seed,
    Size,
    Strict,
    one_folder,
)
from training.runs import earlier_parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from training.audit.record import Audit
    from training.config import TrainConfig
    from training.dataset.prepare import Survey
    from training.progress import Reporter

NoLabels = Annotated[bool, typer.Option("--no-labels", help="Don't look for wrong labels; much faster.")]
Out = Annotated[Path | None, typer.Option(help="Where to write [default: audit/NAME beside the runs]")]


def audit_command(
    data_argument: DataArgument = None,
    data: DataOption = None,
    group_by: GroupBy = None,
    strict: Strict = False,
    backbone: Backbone = None,
    size: Size = None,
    seed: Seed = None,
    no_labels: NoLabels = False,
    out: Out = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Say what is wrong with a folder of photographs, on screen and as a page with the pictures."""
    from training.audit.output import write_audit
    from training.audit.record import refuse_findings
    from training.commands.terminal import Terminal
    from training.config import gathered, make_config

    options = {"data": one_folder(data_argument, data), "group_by": group_by, "backbone": backbone}
    config = make_config(gathered(None, (), {**options, "size": size, "seed": seed}))
    terminal = Terminal()
    audit = _audit(config, runs_dir, terminal, look_at_labels=not no_labels)
    page = write_audit(audit, out or runs_dir.parent / "audit" / config.data.resolve().name)
    show_audit(audit, terminal)
    terminal.note(f"the pictures: {page}")
    if strict:
        refuse_findings(audit)


def show_audit(audit: Audit, reporter: Reporter) -> None:
    """The findings as a table, or that there are none."""
    if audit.findings:
        reporter.table(f"audit of {audit.data}", ("finding", "severity", "files"), audit.rows)
    else:
        reporter.note(f"audit of {audit.data}: nothing found")


def _audit(config: TrainConfig, runs_dir: Path, reporter: Reporter, *, look_at_labels: bool) -> Audit:
    from training.audit.examine import add_trouble, audit_scan, with_suspects
    from training.dataset.prepare import divide, survey
    from training.errors import DataError

    surveyed = survey(config, reporter)
    for notice in surveyed.found.notices:
        reporter.note(notice)
    try:
        divided = divide(surveyed, config, earlier_parts(runs_dir, config))
        audit = audit_scan(surveyed, divided, config.data, config.size)
        for notice in divided.notices:
            reporter.note(notice)
    except DataError as error:
        audit = add_trouble(audit_scan(surveyed, None, config.data, config.size), str(error))
    if look_at_labels:
        audit = with_suspects(audit, surveyed, _features(surveyed, config, reporter))
    return audit


def _features(surveyed: Survey, config: TrainConfig, reporter: Reporter) -> NDArray[np.float32]:
    from training.cache import opened_cache
    from training.features.extract import photograph_features
    from training.network.frozen_backbone import convert_backbone

    with opened_cache(reporter) as cache:
        backbone = convert_backbone(config, cache, reporter)
        return photograph_features(backbone, surveyed.found.photographs, config, cache, reporter)
