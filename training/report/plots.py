"""The page's plots as inline SVG: lines and text take the page's colour, so they suit light and dark.

They hold no text of the user's. One input always gives the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.head.softmax_head import Curves
from training.head.temperature import Bin

Float = NDArray[np.float64]
Axes = Any

INK = "#010203"  # no other mark has this colour, so it can be replaced by the page's own
FIRST, SECOND = "#3b82c4", "#d9772b"
SIZE_INCH = (4.4, 3.0)
FIXED_SIZE = r'width="[^"]*" height="[^"]*" (?=viewBox)'
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edge-train report",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
}


def loss_plot(curves: Curves, kept: int | None) -> str:
    """Training and validation loss over the epochs; kept: the epoch (from 1) that the run went on with."""
    lines = {"training": curves.train_loss, "validation": curves.val_loss}
    return _over_epochs(lines, kept, "loss")


def accuracy_plot(curves: Curves, kept: int | None) -> str:
    """Training and validation accuracy over the epochs."""
    lines = {"training": curves.train_accuracy, "validation": curves.val_accuracy}
    return _over_epochs(lines, kept, "accuracy")


def reliability_plot(bins: Sequence[Bin]) -> str:
    """Confidence against the share that is right; on the diagonal, a score means what it says."""
    with _settings():
        figure, axes = _figure()
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
        known, right = [b.confidence for b in bins], [b.accuracy for b in bins]
        axes.plot(known, right, color=FIRST, linewidth=1.2)
        total = max(1, sum(b.count for b in bins))
        axes.scatter(known, right, s=[20 + 300 * b.count / total for b in bins], color=FIRST, alpha=0.8)
        low = min([0.5, *known, *right]) - 0.05
        axes.set(xlabel="confidence", ylabel="share that is right", xlim=(low, 1.03), ylim=(low, 1.03))
        return _svg(figure)


def tradeoff_plot(curve: Float, chosen: tuple[float, float], wanted: float) -> str:
    """Precision against the share answered as the threshold rises; curve: (n, 2) of answered, precision."""
    with _settings():
        figure, axes = _figure()
        axes.axhline(wanted, color=INK, linewidth=0.8, linestyle=":")
        axes.annotate("wanted", (0.0, wanted), xytext=(3, 3), textcoords="offset points", fontsize=9)
        axes.plot(curve[:, 0], curve[:, 1], color=FIRST, linewidth=1.6)
        axes.scatter(*chosen, s=60, color=SECOND, zorder=3)
        axes.annotate("chosen", chosen, xytext=(-6, -15), textcoords="offset points", ha="right")
        low = min(0.9, float(curve[:, 1].min()), chosen[1], wanted) - 0.02
        axes.set(xlabel="share answered", ylabel="share of answers right", xlim=(0, 1.03), ylim=(low, 1.005))
        return _svg(figure)


def pareto_plot(points: Mapping[str, tuple[float, float]], best: Collection[str]) -> str:
    """Accuracy against latency in ms of named models; those in `best` are joined."""
    with _settings():
        figure, axes = _figure()
        front = sorted(points[name] for name in best)
        axes.plot(*zip(*front, strict=True), color=FIRST, linewidth=1.2)
        for name, point in points.items():
            axes.scatter(*point, s=36, color=FIRST if name in best else SECOND, zorder=3)
            axes.annotate(name, point, xytext=(5, 4), textcoords="offset points", fontsize=8)
        axes.set(xlabel="latency, ms (log scale)", ylabel="accuracy", xscale="log")
        return _svg(figure)


def tradeoff(scores: NDArray[np.float32], targets: NDArray[np.int64]) -> Float:
    """Share answered and precision (n, 2) for every threshold that tells pictures apart, the lowest first."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == targets
    order = np.argsort(-confidence, kind="stable")
    hits, answered = np.cumsum(right[order]), np.arange(1, len(order) + 1)
    last_of_a_tie = np.append(np.diff(confidence[order]) != 0, True)
    steps = np.stack([answered / len(order), hits / answered], axis=1)[last_of_a_tie]
    return np.asarray(steps[::-1])


def _over_epochs(lines: dict[str, list[float]], kept: int | None, what: str) -> str:
    with _settings():
        figure, axes = _figure()
        for (name, values), colour, style in zip(lines.items(), (FIRST, SECOND), ("--", "-"), strict=True):
            epochs = range(1, len(values) + 1)
            marker = "o" if len(values) < 12 else None
            axes.plot(epochs, values, style, color=colour, label=name, marker=marker, markersize=4)
        if kept:
            axes.axvline(kept, color=INK, linewidth=0.8, linestyle=":", label="kept")
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=9)
        return _svg(figure)


def _settings() -> Any:
    import matplotlib as mpl

    return mpl.rc_context(SETTINGS)


def _figure() -> tuple[Any, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCH, layout="constrained")
    axes = figure.subplots()
    axes.grid(visible=True, color=INK, alpha=0.12)
    return figure, axes


def _svg(figure: Any) -> str:
    """The figure as an svg element that scales with the page."""
    body = io.StringIO()
    figure.savefig(body, format="svg", metadata={"Date": None, "Creator": None})
    text = body.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    # what would repeat from plot to plot, reach beyond it, or fix its size
    for unwanted in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r'(?<=<g) id="[^"]*"', FIXED_SIZE):
        text = re.sub(unwanted, "", text, flags=re.DOTALL)
    return text


def standalone(svg: str) -> str:
    """The plot as a file of its own, on white."""
    return svg.replace("<svg ", '<svg style="background: white; color: #222" ', 1)
