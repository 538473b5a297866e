"""A benchmark as text: a table of the stages with bars, and the figures below."""

from __future__ import annotations

from collections.abc import Iterator

from edge.commands.bench.figures import Bench, StageTiming

MAX_BAR, MIN_BAR = 60, 10
TABLE_WIDTH = 45
HIGHLIGHT, PLAIN = "\x1b[33m", "\x1b[0m"


def report(bench: Bench, *, columns: int, colour: bool, blocks: bool) -> Iterator[str]:
    """The lines; columns: the terminal's width; blocks: it can show block characters."""
    yield from _head(bench)
    yield ""
    yield from bars(
        bench.stage_timing, bench.limited_by.stage if colour else "", columns=columns, blocks=blocks
    )
    yield ""
    yield from _rates(bench)
    yield from _needs(bench)
    yield f"limited by   {bench.limited_by.text}"
    yield f"{'':13}{bench.limited_by.advice}"
    yield f"compared     {bench.comparison}"


def bars(stage_timing: StageTiming, highlighted: str, *, columns: int, blocks: bool) -> Iterator[str]:
    """A line a stage: percentiles, then a bar to the median, in a fainter sign on to the 95th percentile."""
    full, faint = ("█", "░") if blocks else ("#", "-")
    width = max(MIN_BAR, min(MAX_BAR, columns - TABLE_WIDTH))
    longest_ms = max(each.p95_ms for each in stage_timing.stages)
    yield f"{'':13}{'p50':>8}{'p95':>9}{'p99':>9} ms   {full} p50  {faint} p95"
    for each in stage_timing.stages:
        solid = round(each.p50_ms / longest_ms * width) if longest_ms else 0
        dotted = round(each.p95_ms / longest_ms * width) - solid if longest_ms else 0
        bar = (full * max(1, solid) + faint * dotted)[:width]
        if each.stage == highlighted:
            bar = f"{HIGHLIGHT}{bar}{PLAIN}"
        yield f"{each.stage:13}{each.p50_ms:8.2f}{each.p95_ms:9.2f}{each.p99_ms:9.2f}      {bar}"


def _head(bench: Bench) -> Iterator[str]:
    threads = f"{bench.threads} thread{'s' if bench.threads > 1 else ''}"
    name = f" ({bench.model.name})" if bench.model.backbone else ""
    yield f"model        {bench.model.shown}{name} on {bench.runtime}, {threads}"
    yield f"machine      {bench.machine.name} ({bench.machine.processor})"
    size = f"{bench.stage_timing.width}×{bench.stage_timing.height}"
    yield f"camera       {bench.source}, {bench.stage_timing.frames} pictures of {size}"


def _rates(bench: Bench) -> Iterator[str]:
    came = f", of {bench.agent.camera_fps:.1f} that came" if bench.agent.camera_fps is not None else ""
    yield f"throughput   {bench.agent.fps:.1f} frames/s by the agent, which reads beside inference{came}"
    yield f"{'':13}{bench.stage_timing.fps:.1f} frames/s in one thread, a stage after the other"


def _needs(bench: Bench) -> Iterator[str]:
    agent = bench.agent
    yield f"processor    {agent.cpu_ms:.1f} ms a frame, all threads"
    if agent.memory_mb is not None:
        most = f", {agent.memory_peak_mb:.0f} MB at most" if agent.memory_peak_mb is not None else ""
        yield f"memory       {agent.memory_mb:.0f} MB{most}"
    if agent.first_answer_s is not None:
        yield f"start        {agent.first_answer_s:.1f} s from the command to the first answer"
