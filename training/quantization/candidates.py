"""What is tried, in order, until a quantized network passes the gate: from the fastest to the most exact.

int8; int8 with ranges from more photographs; int8 but for the operations that lose the most; weights only in
int8; float16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from training.errors import ConversionError
from training.fit.trained_network import TrainedRun
from training.progress import Reporter
from training.quantization.bias_correction import corrected
from training.quantization.calibration import calibration_images
from training.quantization.recipe import Pictures, Precision, Quantizer, Recipe, Subject

MORE_CALIBRATION = 4
FLOAT_SHARES = (0.1, 0.3)  # of the operations, those that lose the most


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network by one of the ways. about: the way, for people. in_float: operations left in float."""

    about: str
    precision: Precision
    network: bytes
    in_float: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ladder:
    """All the ways for one network; calibration: the number of photographs to begin with."""

    subject: Subject
    quantizer: Quantizer
    trained: TrainedRun
    calibration: int
    reporter: Reporter

    def candidates(self) -> Iterator[Candidate]:
        """One network after the other, each made when it is asked for.

        Raises ConversionError where int8 can't be made; a later way that can't be is passed over with a note.
        """
        pictures = self._pictures(self.calibration)
        yield self._int8(pictures, "int8")
        more = self._pictures(self.calibration * MORE_CALIBRATION)
        if len(more) > len(pictures):
            yield self._int8(more, f"int8, calibrated on {len(more)} pictures")
        yield from self._mixed(pictures)
        yield from self._simple("dynamic", "weights in int8, arithmetic in float", pictures)
        yield from self._simple("float16", "weights in float16, arithmetic in float", pictures)

    def _pictures(self, count: int) -> Pictures:
        trained = self.trained
        return calibration_images(trained.split, trained.config.spec, count, self.reporter)

    def _int8(self, pictures: Pictures, about: str) -> Candidate:
        self.reporter.note(f"converting to int8, calibrated on {len(pictures)} pictures")
        network = self.quantizer.quantize(self.subject, Recipe("int8", pictures))
        return Candidate(about, "int8", corrected(network, self.subject.network, pictures))

    def _mixed(self, pictures: Pictures) -> Iterator[Candidate]:
        try:
            losses = self.quantizer.losses(self.subject, pictures)
        except ConversionError as error:
            self.reporter.note(str(error))
            return
        for share in FLOAT_SHARES:
            worst = tuple(loss.tensor for loss in losses[: max(1, round(share * len(losses)))])
            about = f"int8, {len(worst)} of {len(losses)} operations in float"
            yield from self._simple("mixed", about, pictures, worst)

    def _simple(
        self, precision: Precision, about: str, pictures: Pictures, in_float: tuple[str, ...] = ()
    ) -> Iterator[Candidate]:
        self.reporter.note(f"converting: {about}")
        try:
            network = self.quantizer.quantize(self.subject, Recipe(precision, pictures, in_float))
        except ConversionError as error:
            self.reporter.note(str(error))
            return
        yield Candidate(about, precision, network, in_float)
