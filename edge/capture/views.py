"""What of a source's pictures is a camera of its own: a region, with its own look at what it shows."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.capture.frame_quality import QualityCheck, take_sample
from edge.preprocess import Image, cut
from edge.records import Frame, ModelInput
from edge.region import Region


@dataclass(slots=True)
class View:
    """One camera as subscribers see it; region None: whole pictures. Used by its capture thread.

    replaced, skipped: how many of its frames a newer one replaced, or showed nothing for too short a time.
    problem: why its region can't be cut out of the present pictures, empty where it can; received_s: when the
    last picture came that it was cut out of.
    """

    name: str
    region: Region | None = None
    quality: QualityCheck | None = None
    replaced: int = 0
    skipped: int = 0
    problem: str = ""
    received_s: float | None = None

    def find_region_problem(self, pixels: Image) -> str:
        """Why its region can't be cut out of this picture, empty where it can."""
        try:
            if self.region is not None:
                self.region.on(pixels.shape[1], pixels.shape[0])
        except ValueError as error:
            return f"{error}; give one inside the picture"
        return ""

    def make_frame(self, whole: Frame, prepare: Callable[[Image], Image] | None) -> Frame | None:
        """Its part of a frame, prepared if it shows something; None while that is in doubt."""
        pixels, region = whole.pixels, None
        if self.region is not None:
            region = self.region.on(pixels.shape[1], pixels.shape[0])
            pixels = cut(pixels, region)
        sample = take_sample(pixels) if self.quality else None
        unusable = (
            self.quality.judge_sample(sample, whole.time_s) if self.quality and sample is not None else None
        )
        if self.quality and self.quality.is_pending:
            self.skipped += 1
            return None
        started_s, model_input = time.monotonic(), None
        if prepare is not None and not unusable:
            prepared = prepare(pixels)
            model_input = ModelInput(prepared, (time.monotonic() - started_s) * 1e3)
        return dataclasses.replace(
            whole,
            camera=self.name,
            pixels=pixels,
            model_input=model_input,
            unusable=unusable,
            region=region,
        )
