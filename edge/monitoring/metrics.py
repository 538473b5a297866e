"""The record of `stats` as Prometheus' text exposition format 0.0.4: pure.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "edge_agent_"
QUANTILES = {"p50": "0.5", "p95": "0.95"}
Record = Mapping[str, Any]
Sample = tuple[Mapping[str, str], float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One family: `samples` finds its labelled values in the record; None where the system does not say."""

    name: str
    kind: Literal["counter", "gauge", "summary"]
    help_text: str
    samples: Callable[[Record], Iterator[Sample]]


def rendered(record: Record) -> str:
    """The whole page; families without a value are left out."""
    return "".join(_lines(record))


def _lines(record: Record) -> Iterator[str]:
    for metric in METRICS:
        name = PREFIX + metric.name
        values = [(labels, value) for labels, value in metric.samples(record) if value is not None]
        if values:
            yield f"# HELP {name} {metric.help_text}\n# TYPE {name} {metric.kind}\n"
        for labels, value in values:
            yield f"{name}{_labels(labels)} {float(value)!r}\n"


def _labels(labels: Mapping[str, str]) -> str:
    shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{{{shown}}}" if shown else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _value(key: str, factor: float = 1.0) -> Callable[[Record], Iterator[Sample]]:
    def samples(record: Record) -> Iterator[Sample]:
        value = record.get(key)
        yield {}, None if value is None else value * factor

    return samples


def _of_cameras(key: str) -> Callable[[Record], Iterator[Sample]]:
    return lambda record: (({"camera": name}, camera[key]) for name, camera in record["cameras"].items())


def _latencies(record: Record) -> Iterator[Sample]:
    for stage, quantiles in record["latency_ms"].items():
        for key, quantile in QUANTILES.items():
            yield {"stage": stage, "quantile": quantile}, quantiles[key] / 1e3


def _connected(record: Record) -> Iterator[Sample]:
    yield {}, float(record["broker"] == "connected") if "broker" in record else None


def _on_disk(record: Record) -> Iterator[Sample]:
    yield {}, float(record["outbox"] == "disk") if "outbox" in record else None


def _refused_topics(record: Record) -> Iterator[Sample]:
    yield {}, float(len(record["subscriptions_refused"])) if "subscriptions_refused" in record else None


def _progress(record: Record) -> Iterator[Sample]:
    yield {}, float(record["stuck"] is None)


METRICS = (
    Metric("uptime_seconds", "gauge", "Time since the start.", _value("uptime_s")),
    Metric("progress", "gauge", "1 while frames, inference and publishing get on, else 0.", _progress),
    Metric("camera_online", "gauge", "1 while the camera delivers frames.", _of_cameras("online")),
    Metric("frames_received_total", "counter", "Frames that the camera delivered.", _of_cameras("frames_in")),
    Metric("frames_classified_total", "counter", "Frames that were classified.", _of_cameras("classified")),
    Metric(
        "frames_dropped_total",
        "counter",
        "Frames not taken in time, not due, or stale.",
        _of_cameras("dropped"),
    ),
    Metric("frames_stale_total", "counter", "Frames too old to be classified.", _of_cameras("stale")),
    Metric("frames_blind_total", "counter", "Frames that show nothing.", _of_cameras("blind")),
    Metric("camera_reconnects_total", "counter", "Returns of a lost camera.", _of_cameras("reconnects")),
    Metric("latency_seconds", "summary", "By stage, over the last 1024 frames.", _latencies),
    Metric("broker_connected", "gauge", "1 while there is a connection to the broker.", _connected),
    Metric("broker_logins_total", "counter", "Logins at the broker.", _value("logins")),
    Metric("subscriptions_refused", "gauge", "Topics that the broker keeps from us.", _refused_topics),
    Metric("outbox_on_disk", "gauge", "0 while events are kept in memory only.", _on_disk),
    Metric("events_waiting", "gauge", "Events not acknowledged by the broker yet.", _value("events_waiting")),
    Metric("events_acknowledged_total", "counter", "Events acknowledged.", _value("events_acknowledged")),
    Metric("events_dropped_total", "counter", "Events lost to a full queue.", _value("events_dropped")),
    Metric("resident_memory_bytes", "gauge", "Memory in use.", _value("memory_mb", 1e6)),
    Metric("temperature_celsius", "gauge", "The processor's temperature.", _value("temperature_c")),
)
