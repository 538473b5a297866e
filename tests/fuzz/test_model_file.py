"""A bounded number of damaged model files, always the same ones: EDGE_FUZZ_CASES and EDGE_FUZZ_SEED ask for others."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from tests.fuzz.model_file import GOLDEN, KINDS, Fuzz, Outcome
from tests.fuzz.networks import NETWORKS
from tests.support.command_line import RUNTIME

CASES, SEED = int(os.environ.get("EDGE_FUZZ_CASES", "900")), int(os.environ.get("EDGE_FUZZ_SEED", "1"))


def summary(outcomes: list[Outcome]) -> str:
    return "\n".join(f"seed {o.seed} case {o.number}, {o.kind}: {o.how}: {o.why}" for o in outcomes)
