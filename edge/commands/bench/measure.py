"""`edge-agent bench`: the real agent first, then a stage after the other, and what the two tell."""

from __future__ import annotations

import datetime
import tempfile
import time
from pathlib import Path

from edge.agent.addresses import regions_by_name, sources_by_name
from edge.agent.load_classifier import load_classifier
from edge.commands.bench.agent_run import run_agent
from edge.commands.bench.bottleneck import find_limit
from edge.commands.bench.figures import WARM_UP_FRAMES, Bench, BenchedModel
from edge.commands.bench.machine import describe_machine, list_versions
from edge.commands.bench.reference import compare, load_references
from edge.commands.bench.stage_timing import time_stages
from edge.commands.bench.synthetic_video import DESCRIPTION, write_recording
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
    stage_timing = time_stages(classifier, source, regions, config, frames)
    machine, model = describe_machine(), describe_model(classifier)
    return Bench(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=machine,
        versions=list_versions(),
        model=model,
        runtime=classifier.runtime,
        threads=config.threads,
        source=shown or source.shown,
        live=source.live,
        stage_timing=stage_timing,
        agent=agent,
        limited_by=find_limit(stage_timing, agent, cores=machine.cores, wanted_fps=config.fps),
        comparison=compare(model, stage_timing.p50_ms("inference"), load_references()),
    )


def measure_on_synthetic_video(config: AgentConfig, frames: int) -> Bench:
    """Measure on a video made for it; raises StorageError where it can't be written, and ModelError."""
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "synthetic.avi"
        started_s = time.monotonic()
        write_recording(video, frames + WARM_UP_FRAMES + 1)
        aside_s = time.monotonic() - started_s
        camera = CameraConfig(source=str(video), name="synthetic")
        alone = config.model_copy(update={"camera": (camera,), "fps": None})
        return measure(alone, frames, shown=DESCRIPTION, aside_s=aside_s)


def describe_model(classifier: Classifier) -> BenchedModel:
    """Which model this is, as far as its file says."""
    model, spec = classifier.model, classifier.spec
    manifest = model.manifest
    backbone = manifest.provenance.backbone if manifest else None
    return BenchedModel(model.name, model.sha256, backbone, _precision(manifest), spec.width, spec.height)


def _precision(manifest: Manifest | None) -> str | None:
    """As the manifest says; of the first ones, which do not, all were int8."""
    if manifest is None or manifest.coding is not None:
        return None
    return manifest.quantization.precision if manifest.quantization else "int8"
