"""`edge-agent bench`: the real agent first, then a stage after the other, and what the two tell."""

from __future__ import annotations

import datetime
import tempfile
import time
from pathlib import Path

from edge.agent.addresses import regions_by_name, sources_by_name
from edge.agent.load_classifier import load_classifier
from edge.commands.bench.agent_run import run_agent
from edge.commands.bench.bottleneck import limit
from edge.commands.bench.figures import WARM_UP_FRAMES, Bench, ModelFacts
from edge.commands.bench.machine import this_machine, versions
from edge.commands.bench.reference import comparison, references
from edge.commands.bench.stage_timing import measure_in_turn
from edge.commands.bench.synthetic_video import SHOWN, write_recording
from edge.config import AgentConfig, CameraConfig
from edge.infer.classifier import Classifier
from edge.model.manifest import Manifest


def measure(config: AgentConfig, frames: int, *, shown: str = "", aside_s: float = 0.0) -> Bench:
    """Measure on the configuration's one camera; shown: what to call it, if not by its address.

    aside_s: so long this process did what does not count. Raises UsageError where a recording is too short,
    and what cameras and models raise.
    """
    ((name, source),) = sources_by_name(config).items()
    agent = run_agent(config, frames, live=source.live, aside_s=aside_s)
    classifier = load_classifier(config)
    regions = regions_by_name(name, config.camera[0])
    in_turn = measure_in_turn(classifier, source, regions, config, frames)
    machine, model = this_machine(), model_facts(classifier)
    return Bench(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=machine,
        versions=versions(),
        model=model,
        runtime=classifier.runtime,
        threads=config.threads,
        source=shown or source.shown,
        live=source.live,
        in_turn=in_turn,
        agent=agent,
        limited_by=limit(in_turn, agent, cores=machine.cores, wanted_fps=config.fps),
        comparison=comparison(model, in_turn.p50_ms("inference"), references()),
    )


def measure_on_made_up(config: AgentConfig, frames: int) -> Bench:
    """Measure on a video made for it; raises StorageError where it can't be written, and ModelError."""
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "made-up.avi"
        started_s = time.monotonic()
        write_recording(video, frames + WARM_UP_FRAMES + 1)
        aside_s = time.monotonic() - started_s
        camera = CameraConfig(source=str(video), name="made-up")
        alone = config.model_copy(update={"camera": (camera,), "fps": None})
        return measure(alone, frames, shown=SHOWN, aside_s=aside_s)


def model_facts(classifier: Classifier) -> ModelFacts:
    """Which model this is, as far as its file says."""
    model, spec = classifier.model, classifier.spec
    manifest = model.manifest
    backbone = manifest.provenance.backbone if manifest else None
    return ModelFacts(model.name, model.sha256, backbone, _precision(manifest), spec.width, spec.height)


def _precision(manifest: Manifest | None) -> str | None:
    """As the manifest says; of the first ones, which do not, all were int8."""
    if manifest is None or manifest.coding is not None:
        return None
    return manifest.quantization.precision if manifest.quantization else "int8"
