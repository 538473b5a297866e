"""What may be said of a foreign model's input: on the command line, in agent.toml, in a side-car."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Fit = Literal["crop", "pad", "stretch"]
Interpolation = Literal["pyramid", "area", "linear"]
Triple = tuple[float, float, float]


def triple(value: Any) -> Any:
    """One number for all channels, or three for R, G and B: as numbers, as a list, or as text with commas."""
    if isinstance(value, str):
        value = value.split(",")
    values = list(value) if isinstance(value, list | tuple) else [value]
    if len(values) not in (1, 3):
        raise ValueError("give one number, or three for red, green and blue")
    return tuple(values * 3 if len(values) == 1 else values)


def _positive(values: Triple) -> Triple:
    if min(values) <= 0:
        raise ValueError("it must be greater than 0")
    return values


Finite = Annotated[float, Field(allow_inf_nan=False)]
Mean = Annotated[tuple[Finite, Finite, Finite], BeforeValidator(triple)]
Std = Annotated[tuple[Finite, Finite, Finite], BeforeValidator(triple), AfterValidator(_positive)]


class InputSettings(BaseModel):
    """How a picture becomes the input, and what the first output means; None: not said.

    A value of 0 to 255 becomes (value − mean) / std, by channel. background: whether the first output stands
    for none of the labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: Mean | None = None
    std: Std | None = None
    fit: Fit | None = None
    interpolation: Interpolation | None = None
    background: bool | None = None

    @model_validator(mode="after")
    def _mean_and_std_belong_together(self) -> InputSettings:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std belong together: give both, or neither")
        return self

    @property
    def said(self) -> tuple[str, ...]:
        """The names of what is said."""
        return tuple(name for name in InputSettings.model_fields if getattr(self, name) is not None)

    def over(self, lower: InputSettings) -> InputSettings:
        """These, and what they leave open from the lower ones."""
        names = InputSettings.model_fields
        mine, others = ({name: getattr(each, name) for name in names} for each in (self, lower))
        return InputSettings(**{name: others[name] if mine[name] is None else mine[name] for name in names})


def normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> InputSettings | None:
    """The settings of numbers read from a file: one or three each; None where they make no sense."""
    counts = {len(mean), len(std)}
    if not counts <= {1, 3} or not all(map(math.isfinite, mean + std)) or min(std) <= 0:
        return None
    return InputSettings.model_validate({"mean": mean, "std": std})
