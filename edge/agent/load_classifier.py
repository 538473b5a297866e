"""The configured model becomes a classifier: verified, self-tested, with the configured limits."""

from __future__ import annotations

import dataclasses
import logging

from edge.config import AgentConfig, DecisionConfig
from edge.infer.classifier import Classifier
from edge.infer.selftest import run_selftest
from edge.model.foreign.probe import try_out
from edge.model.model_file import read_model
from edge.records import Limits

log = logging.getLogger(__name__)


def load_classifier(config: AgentConfig) -> Classifier:
    """The configured model, verified and self-tested, with the configured limits; raises ModelError."""
    classifier = open_classifier(config)
    classifier.limits = apply_limits(classifier.limits, config.decision)
    model = classifier.model
    difference = run_selftest(classifier)
    classifier.model = dataclasses.replace(model, selftest=None, selftest_images={})  # of no more use
    selftest = "carries no self-test" if difference is None else f"self-test passed (off by {difference:.3f})"
    log.info("model %s %s on %s: %s", model.name, model.version, classifier.runtime, selftest)
    if model.manifest is None:
        log.info("model %s is from elsewhere: %s", model.name, describe_reading(classifier))
    return classifier


def open_classifier(config: AgentConfig) -> Classifier:
    """The configured model, verified; one from elsewhere is tried out first. Raises ModelError."""
    model = read_model(config.model, config.labels, config.input)
    if model.manifest is None:
        try_out(model.path, model.network, config.runtime)
    return Classifier(model, threads=config.threads, runtime=config.runtime)


def describe_reading(classifier: Classifier) -> str:
    """How the pictures and outputs of a model from elsewhere are read, in words."""
    parts = [f"input {classifier.coding}, {classifier.spec.fit}"]
    if classifier.activation == "softmax":
        parts.append("its outputs are logits, so a softmax is added")
    if classifier.background is not None:
        parts.append(f"output {classifier.background} is the background")
    return "; ".join(parts)


def apply_limits(limits: Limits, wanted: DecisionConfig) -> Limits:
    """The model's limits, but for what the configuration sets; its confidence then holds for all labels."""
    if wanted.min_confidence is not None:
        limits = dataclasses.replace(limits, threshold=wanted.min_confidence, class_thresholds={})
    if wanted.min_familiarity is not None:
        limits = dataclasses.replace(limits, familiarity=wanted.min_familiarity)
    return limits
