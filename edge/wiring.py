"""Configuration and model become built stages: the one file that knows them all."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge import preprocess
from edge.agent import Agent, AgentOptions
from edge.broker_settings import broker_address
from edge.camera.inbox import Inbox
from edge.camera.readers import opener
from edge.camera.sight import Sight
from edge.camera.sources import Source, default_name, parse_source
from edge.camera.views import View
from edge.capture import Capture, CaptureOptions
from edge.change_gate import ChangeGate, GateRules
from edge.config import AgentConfig, CameraConfig, DecisionConfig, listen_address
from edge.decide import Decider, DecisionRules
from edge.errors import ConfigError, UsageError
from edge.infer import Classifier, run_selftest
from edge.model.model_file import read_model
from edge.model.probe import try_out
from edge.monitoring.notify import Notifier
from edge.monitoring.progress import ProgressLimits, acknowledge_limit_s
from edge.monitoring.stats_file import StatsFile, runtime_folder
from edge.mqtt.broker import CLIENT_PREFIX
from edge.mqtt.broker_address import BrokerAddress
from edge.mqtt.embedded import EmbeddedBroker, embedded_port
from edge.mqtt.outbox import Outbox, OutboxLimits, Sequences
from edge.mqtt.topics import Topics
from edge.outside import open_up
from edge.publish import MqttSink
from edge.records import Limits, ModelIdentity
from edge.region import Region
from edge.shared_capture import shares
from edge.stages import Camera, FrameCapture, Sink, Stages
from edge.stdout import StdoutSink

if TYPE_CHECKING:
    from edge.monitoring.metrics_server import MetricsServer

log = logging.getLogger(__name__)

REQUIRED_WITHIN_S = 10.0


def load_classifier(config: AgentConfig) -> Classifier:
    """The configured model, verified and self-tested, with the configured limits; raises ModelError."""
    classifier = opened_classifier(config)
    classifier.limits = wanted_limits(classifier.limits, config.decision)
    model = classifier.model
    difference = run_selftest(classifier)
    classifier.model = dataclasses.replace(model, selftest=None, selftest_images={})  # of no more use
    verdict = "carries no self-test" if difference is None else f"self-test passed (off by {difference:.3f})"
    log.info("model %s %s on %s: %s", model.name, model.version, classifier.runtime, verdict)
    if model.manifest is None:
        log.info("model %s is from elsewhere: %s", model.name, how_it_is_read(classifier))
    return classifier


def opened_classifier(config: AgentConfig) -> Classifier:
    """The configured model, verified; one from elsewhere is tried out first. Raises ModelError."""
    model = read_model(config.model, config.labels, config.input)
    if model.manifest is None:
        try_out(model.path, model.network, config.runtime)
    return Classifier(model, threads=config.threads, runtime=config.runtime)


def how_it_is_read(classifier: Classifier) -> str:
    """In words, what was found out or said of a model from elsewhere."""
    parts = [f"input {classifier.coding}, {classifier.spec.fit}"]
    if classifier.activation == "softmax":
        parts.append("its outputs are logits, so a softmax is added")
    if classifier.background is not None:
        parts.append(f"output {classifier.background} is the background")
    return "; ".join(parts)


def named_sources(config: AgentConfig) -> dict[str, Source]:
    """The cameras by name; raises UsageError where two have the same, or their regions have."""
    named: dict[str, Source] = {}
    taken: set[str] = set()
    for camera in config.camera:
        source = parse_source(camera.source)
        name = camera.name or default_name(source)
        names = [region.name for region in camera.region]
        twice = taken.intersection([name, *names]) or {each for each in names if names.count(each) > 1}
        if twice:
            advice = f"name them: --camera front={source.shown} --camera back=…"
            raise UsageError("can't run these cameras", f"two are called {min(twice)}", advice)
        taken.update([name, *names])
        named[name] = source
    return named


def named_regions(name: str, camera: CameraConfig) -> dict[str, Region | None]:
    """What a camera shows, by the name under which it is published."""
    return {region.name: region.wanted for region in camera.region} or {name: camera.wanted}


def check_addresses_of_file(file: Path, config: AgentConfig, *, cameras: bool, broker: bool) -> None:
    """Raise ConfigError where a camera or the broker, as the file names them, can't be."""
    try:
        if cameras:
            named_sources(config)
        if broker:
            broker_address(config)
    except UsageError as error:
        raise ConfigError(f"the configuration {file} is invalid", str(error)) from error


@contextlib.contextmanager
def built_agent(
    config: AgentConfig, stop: threading.Event, *, stream: TextIO, notifier: Notifier
) -> Iterator[Agent]:
    """An agent ready to run; an embedded broker lives as long as the context."""
    # The interpreter owns the processor: OpenCV's own threads would only compete with it.
    preprocess.limit_threads(1)
    # Whatever the addresses have wrong is said before anything is started or loaded.
    sources = named_sources(config)
    readers = {name: opener(source) for name, source in sources.items()}
    address = broker_address(config) if config.mqtt else None
    with contextlib.ExitStack() as resources:
        if address is not None and embedded_port(config.broker.url) is not None:
            broker = EmbeddedBroker(address.port)
            resources.callback(broker.stop)
            log.warning("embedded broker at %s, for trying things out", broker.address.shown)
        scrapes = _metrics(config, resources)
        classifier = load_classifier(config)
        inbox = Inbox()
        captures: list[FrameCapture] = []
        for (name, source), camera in zip(sources.items(), config.camera, strict=True):
            views = _views(named_regions(name, camera), config)
            options = _capture_options(source, views, classifier, config)
            capture = Capture(name, readers[name], inbox, options)
            captures += shares(capture, views)
        rules = _rules(classifier, config)
        outbox = resources.enter_context(contextlib.closing(_outbox(config)))
        topics = Topics(config.topic_prefix, config.device_id, _identity(classifier))
        sinks = _sinks(config, address, classifier, stream, topics, outbox)
        mqtt = next((sink for sink in sinks if isinstance(sink, MqttSink)), None)
        stages = Stages(
            cameras=[
                Camera(each, Decider(each.camera, classifier.labels, rules), _gate(config))
                for each in captures
            ],
            inbox=inbox,
            classifier=classifier,
            sinks=sinks,
            numbers=Sequences(outbox.numbers, lost=outbox.numbers_lost),
            scrapes=scrapes,
            control=open_up(mqtt, config, classifier, [each.camera for each in captures]) if mqtt else None,
            stats_file=_stats_file(topics),
        )
        yield Agent(stages, _options(config), stop, notifier)


def _metrics(config: AgentConfig, resources: contextlib.ExitStack) -> MetricsServer | None:
    """Listening already: a port that is taken is said before a model is loaded."""
    if config.metrics is None:
        return None
    from edge.monitoring.metrics_server import MetricsServer  # with http.server: 8 ms, 0.8 MB

    server = MetricsServer(*listen_address(config.metrics))
    resources.callback(server.close)
    server.start()
    return server


def _views(regions: Mapping[str, Region | None], config: AgentConfig) -> tuple[View, ...]:
    sight, glances = config.sight, config.gate.enabled
    return tuple(
        View(name, region, Sight(sight.frozen_after) if sight.enabled else None, glances)
        for name, region in regions.items()
    )


def _gate(config: AgentConfig) -> ChangeGate | None:
    gate = config.gate
    return ChangeGate(GateRules(gate.limit, gate.refresh)) if gate.enabled else None


def _capture_options(
    source: Source, views: tuple[View, ...], classifier: Classifier, config: AgentConfig
) -> CaptureOptions:
    # Every frame of a recording is classified, so its thread may as well prepare it; of a live camera's
    # only some are, and those go straight into the interpreter's input.
    prepare = None if source.live else functools.partial(preprocess.prepare, spec=classifier.spec)
    # A region is cut out of the whole picture, and stands in its pixels.
    reduces = config.reduce_jpegs and all(view.region is None for view in views)
    reduction = functools.partial(preprocess.reduction, classifier.spec) if reduces else None
    resting_fps = config.gate.resting_fps if config.gate.enabled else None
    return CaptureOptions(source.live, config.fps, prepare, views, reduction, resting_fps=resting_fps)


def wanted_limits(limits: Limits, wanted: DecisionConfig) -> Limits:
    """The model's limits, but for what the configuration sets; its confidence then holds for all labels."""
    if wanted.min_confidence is not None:
        limits = dataclasses.replace(limits, threshold=wanted.min_confidence, class_thresholds={})
    if wanted.min_familiarity is not None:
        limits = dataclasses.replace(limits, familiarity=wanted.min_familiarity)
    return limits


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


def _identity(classifier: Classifier) -> ModelIdentity:
    model = classifier.model
    return ModelIdentity(model.name, model.version, model.sha256)


def _sinks(
    config: AgentConfig,
    address: BrokerAddress | None,
    classifier: Classifier,
    stream: TextIO,
    topics: Topics,
    outbox: Outbox,
) -> list[Sink]:
    sinks: list[Sink] = []
    if address is not None:
        client_id = f"{CLIENT_PREFIX}{config.device_id}"
        sinks.append(
            MqttSink(
                address,
                client_id,
                topics,
                labels=classifier.labels,
                outbox=outbox,
                heard_elsewhere=config.stdout,
            )
        )
    if config.stdout:
        sinks.append(StdoutSink(stream, config.device_id, _identity(classifier)))
    return sinks


def _options(config: AgentConfig) -> AgentOptions:
    return AgentOptions(
        frames=config.frames,
        duration_s=config.duration,
        max_frame_age_s=config.max_frame_age,
        heartbeat_s=config.heartbeat,
        stats_interval_s=config.stats_interval,
        start_after_s=config.start_after,
        drain_timeout_s=config.drain_timeout,
        publish_scores=config.publish_scores,
        require_camera=config.require_camera,
        require_broker_s=REQUIRED_WITHIN_S if config.require_broker else None,
        progress=ProgressLimits(acknowledge_s=acknowledge_limit_s(config.broker.keepalive)),
    )


def _outbox(config: AgentConfig) -> Outbox:
    """Only what goes to a broker is kept and numbered across restarts."""
    limits = OutboxLimits(
        max_bytes=int(config.outbox.max_mb * 1e6),
        max_age_s=config.outbox.max_age_days * 86_400,
        rate=config.outbox.rate,
    )
    return Outbox(config.state_dir / f"outbox-{config.device_id}.sqlite" if config.mqtt else None, limits)
