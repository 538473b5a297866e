"""`edge-agent check`: is everything in place that the agent needs? One result a part."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge.agent.addresses import broker_address, regions_by_name, sources_by_name
from edge.agent.load_classifier import describe_reading, open_classifier
from edge.capture.sources.address import Source
from edge.capture.sources.registry import make_opener
from edge.config import AgentConfig
from edge.errors import CameraUnavailableError, EdgeError, UsageError
from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.publish.mqtt.address import BrokerAddress
from edge.publish.mqtt.connection import BrokerConnection, ConnectionCallbacks, Login
from edge.publish.mqtt.embedded_broker import EmbeddedBroker, embedded_port
from edge.region import Region

# A network camera may take its whole opening time, 8 s, and then wait for a key frame.
CAMERA_TIMEOUT_S = 15.0
# The connection may try two versions of MQTT, one after the other.
BROKER_TIMEOUT_S = 12.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One part and how it is; `error` is None where all is well."""

    part: str
    detail: str
    error: EdgeError | None = None


def run_checks(config: AgentConfig) -> Iterator[CheckResult]:
    """Model, self-test, cameras and broker, one after the other."""
    yield from check_model(config)
    yield from check_cameras(config)
    yield from check_broker(config)


def check_cameras(config: AgentConfig) -> Iterator[CheckResult]:
    """A picture of each camera."""
    try:
        sources = sources_by_name(config)
    except EdgeError as error:
        yield CheckResult("cameras", str(error), error)
        sources = {}
    if not config.camera:
        nothing = UsageError("no camera is named", "", "give --camera, or name one in agent.toml")
        yield CheckResult("cameras", str(nothing), nothing)
    for (name, source), camera in zip(sources.items(), config.camera if sources else (), strict=True):
        regions = [region for region in regions_by_name(name, camera).values() if region is not None]
        yield _run_check(f"camera {name}", functools.partial(read_first_picture, source, regions))


def check_broker(config: AgentConfig) -> Iterator[CheckResult]:
    """A login, where decisions go to a broker."""
    if config.mqtt:
        yield _run_check("broker", lambda: _check_login(config))


def check_model(config: AgentConfig) -> Iterator[CheckResult]:
    """The model, then its self-test."""
    try:
        classifier = open_classifier(config)
    except EdgeError as error:
        yield CheckResult("model", str(error), error)
        return
    name, labels = classifier.model.name, len(classifier.labels)
    size = f"{classifier.spec.width}×{classifier.spec.height}"
    origin = f"; {describe_reading(classifier)}" if classifier.model.manifest is None else ""
    yield CheckResult("model", f"{name}, {labels} labels, {size}, on {classifier.runtime}{origin}")
    yield _run_check("self-test", lambda: _describe_selftest(classifier))


def _describe_selftest(classifier: Classifier) -> str:
    difference = run_selftest(classifier)
    if difference is None:
        return "the model carries none"
    return f"same decisions as where it was packed, scores off by at most {difference:.3f}"


def read_first_picture(source: Source, regions: Sequence[Region] = ()) -> str:
    """Open a source and read one picture, which must hold the regions; raises CameraUnavailableError."""
    found: list[str | Exception] = []
    thread = threading.Thread(target=_read_one, args=(source, regions, found), daemon=True)
    thread.start()
    thread.join(CAMERA_TIMEOUT_S)
    if not found:
        raise CameraUnavailableError(
            f"the camera {source.shown} hangs", f"no picture in {CAMERA_TIMEOUT_S:g} s"
        )
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _read_one(source: Source, regions: Sequence[Region], found: list[str | Exception]) -> None:
    try:
        with contextlib.closing(make_opener(source)()) as reader:
            picture = reader.read()
        if picture is None and source.kind == "watch":
            found.append(f"{source.shown} is there; pictures are taken as they come")
            return
        if picture is None:
            raise CameraUnavailableError(f"the source {source.shown} has no pictures")
        height, width = picture.pixels.shape[:2]
        for region in regions:
            region.on(width, height)
        found.append(f"{source.shown} delivers {width}×{height}")
    except EdgeError as error:
        found.append(error)
    except ValueError as error:
        found.append(CameraUnavailableError(f"can't cut a region out of {source.shown}", str(error)))


def _check_login(config: AgentConfig) -> str:
    address = broker_address(config)
    if embedded_port(config.broker.url) is not None:
        EmbeddedBroker(address.port).stop()
        return f"embedded, would listen at {address.shown}"
    return try_login(address)


def try_login(address: BrokerAddress) -> str:
    """Log in and out again under a client id of its own; raises BrokerUnavailableError."""
    connection = BrokerConnection(Login(address, ""), ConnectionCallbacks())
    connection.start()
    try:
        if not connection.wait_until_tried(BROKER_TIMEOUT_S) or not connection.connected:
            raise connection.report.unavailable(f"the broker {address.shown}")
    finally:
        connection.stop()
    return f"{address.shown} lets us in"


def _run_check(part: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(part, check())
    except EdgeError as error:
        return CheckResult(part, str(error), error)
