"""`edge-agent`: the command line. Each command imports what it needs, so that --help is instant."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge.errors import EdgeError, UsageError

if TYPE_CHECKING:
    from edge.config import AgentConfig

CONFIG_FILES = (Path("agent.toml"), Path("/etc/edge-agent/agent.toml"))
NO_CAMERA = """try edge-agent --camera 0 for a webcam, --camera rtsp://… for a stream, --camera video.mp4 \
for a recording, --camera test:// for none at all, or name cameras in agent.toml"""

CameraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--camera",
        "-c",
        metavar="[NAME=]SOURCE",
        help="0, /dev/video0, rtsp://…, http://…, a video, a folder of images, test://; may be repeated.",
    ),
]
ModelOption = Annotated[
    Path | None, typer.Option("--model", "-m", help="Model file (default: runs/latest/model.tflite)")
]
LabelsOption = Annotated[
    Path | None, typer.Option("--labels", help="Label list for a model that carries none, one a line.")
]
BrokerOption = Annotated[
    str | None,
    typer.Option(
        "--broker",
        "-b",
        metavar="URL",
        help="mqtt://user@host:1883, mqtts://host, embedded[:PORT] (default: mqtt://localhost:1883)",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration (default: agent.toml, /etc/edge-agent/agent.toml)"),
]
PrefixOption = Annotated[str | None, typer.Option("--topic-prefix", help="First topic level (default: edge)")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="Interpreter threads (default: 1)")]
RuntimeOption = Annotated[
    str | None, typer.Option("--runtime", help="auto, litert or tflite-runtime (default: auto)")
]
ConfidenceOption = Annotated[
    float | None,
    typer.Option("--min-confidence", help="Below it the answer is unknown (default: the model's)"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Log everything; tracebacks on errors.")]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turn a camera into labels on MQTT: edge-agent --camera 0",
)


def main() -> None:
    """Run the command line; an EdgeError becomes one sentence on stderr and its exit code."""
    try:
        app()
    except EdgeError as error:
        _show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 (the last line of defence: a person must be able to read it)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        _show_error(EdgeError("something went wrong that should not", what, "run it again with --debug"))
        sys.exit(1)


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    camera: CameraOption = None,
    model: ModelOption = None,
    labels: LabelsOption = None,
    broker: BrokerOption = None,
    config: ConfigOption = None,
    device_id: Annotated[str | None, typer.Option(help="Topic level (default: the host's name)")] = None,
    topic_prefix: PrefixOption = None,
    fps: Annotated[float | None, typer.Option(help="Classify at most so many frames a second.")] = None,
    threads: ThreadsOption = None,
    min_confidence: ConfidenceOption = None,
    frames: Annotated[int | None, typer.Option(help="Stop after so many frames of each camera.")] = None,
    duration: Annotated[float | None, typer.Option(help="Stop after so many seconds of each camera.")] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print decisions instead of MQTT.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Publish all scores of every frame.")] = False,
    runtime: RuntimeOption = None,
    max_frame_age: Annotated[float | None, typer.Option(help="Older frames count as none, in s (2)")] = None,
    start_after: Annotated[float | None, typer.Option(help="Wait before the first frame, in s (0)")] = None,
    drain_timeout: Annotated[
        float | None, typer.Option(help="Wait at the end for open publishes, in s (5)")
    ] = None,
    require_camera: Annotated[bool, typer.Option("--require-camera", help="No camera: exit 69.")] = False,
    require_broker: Annotated[bool, typer.Option("--require-broker", help="No broker: exit 69.")] = False,
    debug: DebugOption = False,
) -> None:
    """Run the agent, or one of the commands below."""
    if context.invoked_subcommand is not None:
        _refuse_root_options(context)
        return
    _set_up_logging(debug)
    settings = _load(
        config,
        camera,
        broker,
        model=model,
        labels=labels,
        device_id=device_id,
        topic_prefix=topic_prefix,
        fps=fps,
        threads=threads,
        frames=frames,
        duration=duration,
        runtime=runtime,
        decision={"min_confidence": min_confidence},
        stdout=stdout or None,
        mqtt=True if broker else False if stdout else None,
        publish_scores=scores or None,
        max_frame_age=max_frame_age,
        start_after=start_after,
        drain_timeout=drain_timeout,
        require_camera=require_camera or None,
        require_broker=require_broker or None,
    )
    if not settings.camera:
        raise UsageError("there is nothing to do", "no camera is named", NO_CAMERA)
    _blame_the_file(_config_file(config), settings, cameras=not camera, broker=broker is None)
    _run_agent(settings)


@app.command()
def check(
    camera: CameraOption = None,
    model: ModelOption = None,
    labels: LabelsOption = None,
    broker: BrokerOption = None,
    config: ConfigOption = None,
    runtime: RuntimeOption = None,
    debug: DebugOption = False,
) -> None:
    """Is all in place? One line a part: configuration, model, self-test, cameras, broker."""
    _set_up_logging(debug, quiet=True)
    from edge.check import findings

    settings = _load(config, camera, broker, model=model, labels=labels, runtime=runtime)
    count = len(settings.camera)
    print(
        f"ok    config: device {settings.device_id}, prefix {settings.topic_prefix}, cameras: {count}",
        flush=True,
    )
    exit_code = 0
    for finding in findings(settings):
        print(f"{'FAIL' if finding.error else 'ok  '}  {finding.part}: {finding.detail}", flush=True)
        exit_code = exit_code or (finding.error.exit_code if finding.error else 0)
    raise typer.Exit(exit_code)


@app.command()
def classify(
    paths: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    model: ModelOption = None,
    labels: LabelsOption = None,
    config: ConfigOption = None,
    min_confidence: ConfidenceOption = None,
    runtime: RuntimeOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Label image files, as a table or as JSON."""
    _set_up_logging(debug, quiet=True)
    from edge.classify import Answer, answers, image_files
    from edge.wiring import load_classifier

    decision = {"min_confidence": min_confidence}
    settings = _load(config, None, None, model=model, labels=labels, runtime=runtime, decision=decision)
    files = image_files(paths)
    classifier = load_classifier(settings)
    wanted = settings.decision.min_confidence
    failed = False
    for answer in answers(classifier, files, classifier.threshold if wanted is None else wanted):
        if isinstance(answer, Answer):
            print(_json_line(answer) if as_json else _table_line(answer), flush=True)
        else:
            failed = True
            _show_error(answer)
    raise typer.Exit(1 if failed else 0)


@app.command()
def bench(
    camera: CameraOption = None,
    model: ModelOption = None,
    labels: LabelsOption = None,
    config: ConfigOption = None,
    frames: Annotated[int, typer.Option(min=1, help="How many frames to measure.")] = 200,
    threads: ThreadsOption = None,
    runtime: RuntimeOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure latency and memory of this model on this machine, stage by stage."""
    _set_up_logging(debug, quiet=True)
    import dataclasses

    from edge.bench import measure
    from edge.wiring import load_classifier, named_sources

    settings = _load(
        config,
        camera or ["test://?fps=1000"],
        None,
        model=model,
        labels=labels,
        threads=threads,
        runtime=runtime,
    )
    source = next(iter(named_sources(settings).values()))
    result = measure(load_classifier(settings), source, frames)
    if as_json:
        print(json.dumps(dataclasses.asdict(result)))
        return
    print(f"{result.model} on {result.runtime}, {result.frames} frames of {result.source}")
    print(f"{'':12}{'p50':>9}{'p95':>9}{'p99':>9}")
    for stage in result.stages:
        print(f"{stage.stage:12}{stage.p50_ms:6.2f} ms{stage.p95_ms:6.2f} ms{stage.p99_ms:6.2f} ms")
    print(f"{result.fps:.1f} frames/s in one thread, {result.memory_mb} MB resident")


@app.command()
def listen(
    broker: BrokerOption = None,
    config: ConfigOption = None,
    topic_prefix: PrefixOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Subscribe, and print decisions as they come."""
    _set_up_logging(debug, quiet=True)
    from edge.listen import decisions
    from edge.wiring import broker_address

    settings = _load(config, None, broker, topic_prefix=topic_prefix)
    stop = _stop_on_signals()
    for record in decisions(broker_address(settings), settings.topic_prefix, stop.is_set):
        if as_json:
            print(json.dumps(record, ensure_ascii=False), flush=True)
            continue
        label = record["label"] or f"unknown ({record.get('unknown_reason')})"
        where = f"{record['device']}/{record['camera']}"
        print(f"{record['timestamp']}  {where:24}  {label:24}  {record['confidence']:.2f}", flush=True)


def _load(
    config: Path | None, cameras: list[str] | None, broker: str | None, **overrides: Any
) -> AgentConfig:
    from edge.config import load_config
    from edge.sources import split_name

    if cameras:
        named = [split_name(text) for text in cameras]
        overrides["camera"] = tuple({"name": name, "source": source} for name, source in named)
    return load_config(_config_file(config), {**overrides, "broker": {"url": broker}})


def _config_file(config: Path | None) -> Path | None:
    return config or next((path for path in CONFIG_FILES if path.is_file()), None)


def _blame_the_file(file: Path | None, settings: AgentConfig, *, cameras: bool, broker: bool) -> None:
    """An address that is wrong in the file is the configuration's fault, not the command line's."""
    from edge.wiring import check_addresses_of_file

    if file:
        check_addresses_of_file(file, settings, cameras=cameras, broker=broker and settings.mqtt)


def _run_agent(settings: AgentConfig) -> None:
    from edge.notify import Notifier
    from edge.wiring import built_agent

    stop = _stop_on_signals()
    with built_agent(settings, stop, stream=sys.stdout, notifier=Notifier()) as agent:
        agent.run()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def _refuse_root_options(context: typer.Context) -> None:
    """An option before a command would be dropped silently: say where it belongs."""
    given = [
        name
        for name in context.params
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        option, command = f"--{given[0].replace('_', '-')}", context.invoked_subcommand
        why = f"it stands before the command `{command}`"
        raise UsageError(f"can't use {option} here", why, f"write edge-agent {command} {option} …")


def _set_up_logging(debug: bool, quiet: bool = False) -> None:
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")


def _show_error(error: EdgeError) -> None:
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        traceback.print_exc(file=sys.stderr)
    print(f"error: {error}", file=sys.stderr)


def _json_line(answer: Any) -> str:
    record = {
        "path": str(answer.path),
        "label": answer.label,
        "confidence": round(answer.confidence, 4),
        "unknown_reason": answer.unknown_reason,
        "top": [{"label": entry.label, "score": round(entry.score, 4)} for entry in answer.top],
    }
    return json.dumps(record, ensure_ascii=False)


def _table_line(answer: Any) -> str:
    others = ", ".join(f"{entry.label} {entry.score:.2f}" for entry in answer.top)
    return f"{answer.label or 'unknown':20} {answer.confidence:4.2f}  {answer.path}  ({others})"
