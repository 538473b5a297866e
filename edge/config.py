"""The settings of an agent: every key of agent.toml, with its type, its bounds and its default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from edge.defaults import default_device_id, default_state_dir
from edge.input_settings import InputSettings
from edge.region import Crop, Flip, Region, Rotate, parse_crop

LEVEL = r"[a-z0-9_-]+"
DEFAULT_MODEL = Path("runs/latest/model.tflite")
Name = Annotated[str, Field(pattern=f"^{LEVEL}$", max_length=64)]
LOOPBACK = "127.0.0.1"


class Section(BaseModel):
    """Frozen, and an unknown key is an error: a misspelt setting must never be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RegionConfig(Section):
    """What of a picture counts: crop as `x,y,w,h` in pixels or fractions, then turned, then mirrored."""

    crop: Annotated[Crop, BeforeValidator(parse_crop)] | None = None
    rotate: Rotate = 0
    flip: Flip | None = None

    @property
    def wanted(self) -> Region | None:
        """The region, None where it would be the picture as it is."""
        wanted = Region(self.crop, self.rotate, self.flip)
        return None if wanted == Region() else wanted


class NamedRegionConfig(RegionConfig):
    """A region that is a camera of its own."""

    name: Name


class CameraConfig(RegionConfig):
    """One camera: its address and, where it should not be made from the address, its name; its regions."""

    source: str = Field(min_length=1)
    name: Name | None = None
    region: tuple[NamedRegionConfig, ...] = ()

    @model_validator(mode="after")
    def _either_one_region_or_several(self) -> CameraConfig:
        if self.region and self.wanted is not None:
            raise ValueError("crop, rotate and flip belong into its [[camera.region]]s")
        return self


class BrokerConfig(Section):
    """The broker's address; the password comes from a file, the environment or systemd, never from here."""

    url: str = "mqtt://localhost:1883"
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive: int = Field(default=20, ge=1, le=3600)

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> BrokerConfig:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("a key_file needs a cert_file")
        return self


class DecisionConfig(Section):
    """Smoothing over `window` frames: by the mean of scores or by votes; hold in seconds. See edge/decide."""

    window: int = Field(default=5, ge=1, le=1000)
    min_confidence: float | None = Field(default=None, ge=0.0, le=1.0)
    min_familiarity: float | None = Field(default=None, ge=-1.0, le=1.0)
    hysteresis: float = Field(default=0.1, ge=0.0, le=0.5)
    hold: float = Field(default=0.0, ge=0.0, le=3600.0)
    smoothing: Literal["mean", "votes"] = "mean"
    votes: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _votes_can_be_had(self) -> DecisionConfig:
        if self.votes is not None and self.votes > self.window:
            raise ValueError(f"{self.votes} votes can't be had of a window of {self.window}")
        if self.votes is not None and self.smoothing != "votes":
            raise ValueError('votes are counted with smoothing = "votes" only')
        return self


class FrameQualityConfig(Section):
    """Pictures that show nothing get no label; frozen_after in seconds, 0: a picture is never frozen."""

    enabled: bool = True
    frozen_after: float = Field(default=5.0, ge=0, le=3600)


class OutboxConfig(Section):
    """Events that wait for the broker: kept on disk up to these bounds, then sent so many a second."""

    max_mb: float = Field(default=32.0, ge=0.1, le=10_000)
    max_age_days: float = Field(default=7.0, gt=0, le=3650)
    rate: float = Field(default=200.0, ge=1.0, le=100_000)


class AgentConfig(Section):
    """All that an agent is told; times in seconds, fps in frames per second."""

    camera: tuple[CameraConfig, ...] = ()
    model: Path = DEFAULT_MODEL
    labels: Path | None = None
    input: InputSettings = InputSettings()
    device_id: Name = Field(default_factory=lambda: default_device_id(os.environ))
    topic_prefix: str = Field(default="edge", pattern=f"^{LEVEL}(/{LEVEL})*$", max_length=200)
    state_dir: Path = Field(default_factory=lambda: default_state_dir(os.environ))
    broker: BrokerConfig = BrokerConfig()
    decision: DecisionConfig = DecisionConfig()
    outbox: OutboxConfig = OutboxConfig()
    frame_quality: FrameQualityConfig = FrameQualityConfig()
    sinks: dict[str, dict[str, Any]] = {}
    sources: dict[str, dict[str, Any]] = {}
    runtime: Literal["auto", "litert", "tflite-runtime"] = "auto"
    threads: int = Field(default=1, ge=1, le=64)
    fps: float | None = Field(default=None, gt=0, le=1000)
    reduce_jpegs: bool = False
    frames: int | None = Field(default=None, ge=1)
    duration: float | None = Field(default=None, gt=0)
    stdout: bool = False
    mqtt: bool = True
    publish_scores: bool = False
    allow_commands: bool = False
    homeassistant: bool = False
    homeassistant_prefix: str = Field(
        default="homeassistant", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=200
    )
    require_camera: bool = False
    require_broker: bool = False
    heartbeat: float = Field(default=60.0, gt=0)
    stats_interval: float = Field(default=30.0, gt=0)
    metrics: str | None = Field(default=None, coerce_numbers_to_str=True)
    max_frame_age: float = Field(default=2.0, gt=0)
    start_after: float = Field(default=0.0, ge=0)
    drain_timeout: float = Field(default=5.0, ge=0)

    @field_validator("metrics")
    @classmethod
    def _metrics_can_be_served(cls, address: str | None) -> str | None:
        if address is not None:
            listen_address(address)
        return address

    @model_validator(mode="after")
    def _decisions_go_somewhere(self) -> AgentConfig:
        if not self.mqtt and not self.stdout and not self.sinks:
            raise ValueError("mqtt and stdout are both off: decisions would go nowhere")
        if not self.mqtt and (self.homeassistant or self.allow_commands or self.require_broker):
            raise ValueError("homeassistant, allow_commands and require_broker need a broker: give --broker")
        if self.reduce_jpegs and self.allow_commands:
            raise ValueError("reduce_jpegs and allow_commands are both on: a snapshot shows a whole picture")
        return self


def listen_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:9108`, `[::1]:9108`, or `9108` for this machine alone, as host and port; raises ValueError.

    All interfaces only as 0.0.0.0 or [::], in full: an empty host is this machine.
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError("write 9108 or 127.0.0.1:9108")
    bare = host.removeprefix("[").removesuffix("]")
    if ":" in bare and not host.startswith("["):
        raise ValueError("write an IPv6 address in brackets: [::1]:9108")
    return bare or LOOPBACK, int(port)
