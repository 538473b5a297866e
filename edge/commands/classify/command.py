"""`edge-agent classify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.commands import options
from edge.commands.process import set_up_logging, show_error
from edge.commands.settings import load

if TYPE_CHECKING:
    from edge.commands.classify.classify_images import Answer


def classify_command(
    paths: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    model: options.Model = None,
    labels: options.Labels = None,
    mean: options.Mean = None,
    std: options.Std = None,
    fit: options.Fit = None,
    config: options.Config = None,
    min_confidence: options.Confidence = None,
    runtime: options.Runtime = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Label image files, as a table or as JSON."""
    set_up_logging(debug, quiet=True)
    from edge.agent.load_classifier import load_classifier
    from edge.commands.classify.classify_images import Answer, classify_files, find_image_files

    decision = {"min_confidence": min_confidence}
    settings = load(
        config,
        None,
        None,
        model=model,
        labels=labels,
        input={"mean": mean, "std": std, "fit": fit},
        runtime=runtime,
        decision=decision,
    )
    files = find_image_files(paths)
    classifier = load_classifier(settings)
    failed = False
    for answer in classify_files(classifier, files):
        if isinstance(answer, Answer):
            print(_format_json(answer) if as_json else _format_table(answer), flush=True)
        else:
            failed = True
            show_error(answer)
    raise typer.Exit(1 if failed else 0)


def _format_json(answer: Answer) -> str:
    record = {
        "path": str(answer.path),
        "label": answer.label,
        "confidence": round(answer.confidence, 4),
        "unknown_reason": answer.unknown_reason,
        "top": [{"label": entry.label, "score": round(entry.score, 4)} for entry in answer.top],
    }
    return json.dumps(record, ensure_ascii=False)


def _format_table(answer: Answer) -> str:
    others = ", ".join(f"{entry.label} {entry.score:.2f}" for entry in answer.top)
    label = answer.label or f"unknown ({answer.unknown_reason})"
    return f"{label:20} {answer.confidence:4.2f}  {answer.path}  ({others})"
