"""Configuration and model become built stages: the one file that knows them all."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

from edge import preprocess
from edge.agent.addresses import broker_address, regions_by_name, sources_by_name
from edge.agent.camera_session import CameraSession, SessionRules, SharedParts
from edge.agent.loop import Agent, AgentOptions
from edge.agent.supervisor import Audience, Supervisor
from edge.capture.capture import CaptureOptions
from edge.capture.frame_quality import QualityCheck
from edge.capture.inbox import Inbox
from edge.capture.shared_capture import SharedCapture, make_capture, share_capture
from edge.capture.sources.address import Source
from edge.capture.sources.registry import Opener, make_opener
from edge.capture.views import View
from edge.config import AgentConfig, listen_address
from edge.decide.decider import Decider, DecisionRules
from edge.infer.classifier import Classifier
from edge.monitoring.health import Health
from edge.monitoring.notify import Notifier
from edge.monitoring.progress import ProgressLimits, acknowledge_limit_s
from edge.monitoring.stats_file import StatsFile, runtime_folder
from edge.publish.mqtt.embedded_broker import EmbeddedBroker, embedded_port
from edge.publish.outbox.sequences import Sequences
from edge.publish.publisher import Publisher
from edge.publish.registry import SinkContext, open_sink
from edge.publish.topics import Topics
from edge.region import Region

if TYPE_CHECKING:
    from edge.agent.build_mqtt import BrokerSide
    from edge.monitoring.metrics_server import MetricsServer
    from edge.publish.mqtt.address import BrokerAddress

log = logging.getLogger(__name__)

REQUIRED_WITHIN_S = 10.0


@contextlib.contextmanager
def build_agent(
    config: AgentConfig,
    classifier: Classifier,
    stop: threading.Event,
    *,
    stream: TextIO,
    notifier: Notifier,
) -> Iterator[Agent]:
    """An agent ready to run; an embedded broker lives as long as the context."""
    # The interpreter owns the processor: OpenCV's own threads would only compete with it.
    preprocess.limit_threads(1)
    # Whatever the addresses have wrong is said before anything is started.
    readers = [(name, source, make_opener(source)) for name, source in sources_by_name(config).items()]
    address = broker_address(config) if config.mqtt else None
    topics = Topics(config.topic_prefix, config.device_id, classifier.identity)
    with contextlib.ExitStack() as resources:
        if address is not None:
            _start_embedded_broker(config, address, resources)
        metrics = _metrics(config, resources)
        inbox = Inbox()
        captures = _captures(config, readers, classifier, inbox)
        broker = None
        if address is not None:
            from edge.agent.build_mqtt import (
                build_broker_side,  # paho, TLS, SQLite: for nobody who only prints
            )

            cameras = [capture.camera for capture in captures]
            broker = build_broker_side(config, address, classifier, topics, cameras, resources)
        publisher = _publisher(config, classifier, broker, stream)
        shared = SharedParts(inbox, classifier, publisher, Health())
        sessions = _sessions(config, captures, shared)
        audience = Audience(notifier, config.stats_interval, metrics, _stats_file(topics))
        limits = ProgressLimits(acknowledge_s=acknowledge_limit_s(config.broker.keepalive))
        supervisor = Supervisor(sessions, shared, audience, limits)
        control = broker.control if broker else None
        yield Agent(sessions, shared, supervisor, _options(config), stop, control)


def _start_embedded_broker(
    config: AgentConfig, address: BrokerAddress, resources: contextlib.ExitStack
) -> None:
    if embedded_port(config.broker.url) is not None:
        broker = EmbeddedBroker(address.port)
        resources.callback(broker.stop)
        log.warning("embedded broker at %s, for trying things out", broker.address.shown)


def _publisher(
    config: AgentConfig, classifier: Classifier, broker: BrokerSide | None, stream: TextIO
) -> Publisher:
    """Every sink that is configured, not started yet."""
    wanted = {**({"stdout": {}} if config.stdout else {}), **config.sinks}
    context = SinkContext(config.device_id, classifier.identity, classifier.labels, stream)
    sinks = [open_sink(name, settings, context) for name, settings in wanted.items()]
    if broker is None:
        return Publisher(sinks, Sequences({}), config.heartbeat)
    return Publisher([broker.sink, *sinks], broker.numbers, config.heartbeat)


def _sessions(config: AgentConfig, captures: list[SharedCapture], shared: SharedParts) -> list[CameraSession]:
    classifier, rules = shared.classifier, _session_rules(config)
    deciding = _rules(classifier, config)
    return [
        CameraSession(capture, Decider(capture.camera, classifier.labels, deciding), shared, rules)
        for capture in captures
    ]


def _captures(
    config: AgentConfig, readers: list[tuple[str, Source, Opener]], classifier: Classifier, inbox: Inbox
) -> list[SharedCapture]:
    captures: list[SharedCapture] = []
    for (name, source, open_reader), camera in zip(readers, config.camera, strict=True):
        views = _views(regions_by_name(name, camera), config)
        options = _capture_options(source, views, classifier, config)
        capture = make_capture(name, open_reader, inbox, options, live=source.live)
        captures += share_capture(capture, views)
    return captures


def _metrics(config: AgentConfig, resources: contextlib.ExitStack) -> MetricsServer | None:
    """Listening already: a port that is taken is said before anything else is started."""
    if config.metrics is None:
        return None
    from edge.monitoring.metrics_server import MetricsServer  # with http.server: 8 ms, 0.8 MB

    server = MetricsServer(*listen_address(config.metrics))
    resources.callback(server.close)
    server.start()
    return server


def _views(regions: Mapping[str, Region | None], config: AgentConfig) -> tuple[View, ...]:
    quality = config.frame_quality
    return tuple(
        View(name, region, QualityCheck(quality.frozen_after) if quality.enabled else None)
        for name, region in regions.items()
    )


def _capture_options(
    source: Source, views: tuple[View, ...], classifier: Classifier, config: AgentConfig
) -> CaptureOptions:
    # Every frame of a recording is classified, so its thread may as well prepare it; of a live camera's
    # only some are, and those go straight into the interpreter's input.
    prepare = None if source.live else functools.partial(preprocess.prepare, spec=classifier.spec)
    # A region is cut out of the whole picture, and stands in its pixels.
    reduces = config.reduce_jpegs and all(view.region is None for view in views)
    reduction = functools.partial(preprocess.reduction, classifier.spec) if reduces else None
    return CaptureOptions(config.fps, prepare, views, reduction)


def _rules(classifier: Classifier, config: AgentConfig) -> DecisionRules:
    wanted = config.decision
    return DecisionRules(
        limits=classifier.limits,
        window=wanted.window,
        hysteresis=wanted.hysteresis,
        hold_s=wanted.hold,
        smoothing=wanted.smoothing,
        votes=wanted.votes,
    )


def _stats_file(topics: Topics) -> StatsFile | None:
    folder = runtime_folder()
    return StatsFile(folder, topics) if folder else None


def _session_rules(config: AgentConfig) -> SessionRules:
    return SessionRules(
        frames=config.frames,
        duration_s=config.duration,
        max_frame_age_s=config.max_frame_age,
        publish_scores=config.publish_scores,
        require_camera=config.require_camera,
    )


def _options(config: AgentConfig) -> AgentOptions:
    return AgentOptions(
        start_after_s=config.start_after,
        drain_timeout_s=config.drain_timeout,
        require_broker_s=REQUIRED_WITHIN_S if config.require_broker else None,
    )
