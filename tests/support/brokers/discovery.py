"""Home Assistant's discovery payload as its documentation has it: what is not in here is refused.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload and the page of each platform.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Topic = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^+#\x00]+$")]
Text = Annotated[str, Field(min_length=1, max_length=255)]


class Strict(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Availability(Strict):
    topic: Topic


class DeviceInfo(Strict):
    identifiers: Annotated[list[Text], Field(min_length=1)]
    name: Text
    manufacturer: Text
    model: Text
    sw_version: Text


class Origin(Strict):
    name: Text
    sw_version: Text


class Entity(Strict):
    """What every entity may have."""

    unique_id: Text
    name: Text
    entity_category: Literal["config", "diagnostic"] | None = None
    availability: list[Availability] = []
    availability_mode: Literal["all", "any", "latest"] = "latest"


class Sensor(Entity):
    platform: Literal["sensor"]
    state_topic: Topic
    device_class: Literal["enum"] | None = None
    options: list[Text] = []
    value_template: Text | None = None
    json_attributes_topic: Topic | None = None
    unit_of_measurement: Text | None = None
    state_class: Literal["measurement"] | None = None
    expire_after: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _enum(self) -> Sensor:
        """An enum has options, each once, and no unit and no state class."""
        measured = self.unit_of_measurement is not None or self.state_class is not None
        if (self.device_class == "enum") != bool(self.options) or (self.options and measured):
            raise ValueError("options belong to device_class enum, without unit and state class")
        if len(set(self.options)) != len(self.options):
            raise ValueError("an option stands twice")
        return self


class BinarySensor(Entity):
    platform: Literal["binary_sensor"]
    state_topic: Topic
    device_class: Literal["problem", "connectivity"]
    value_template: Text | None = None
    payload_on: Text = "ON"
    payload_off: Text = "OFF"
    expire_after: Annotated[int, Field(gt=0)] | None = None


class Switch(Entity):
    platform: Literal["switch"]
    state_topic: Topic
    command_topic: Topic


class Number(Entity):
    platform: Literal["number"]
    state_topic: Topic
    command_topic: Topic
    min: float
    max: float
    step: Annotated[float, Field(ge=0.001)]
    mode: Literal["auto", "box", "slider"] = "auto"


class Camera(Entity):
    platform: Literal["camera"]
    topic: Topic


class Button(Entity):
    platform: Literal["button"]
    command_topic: Topic


Component = Annotated[
    Sensor | BinarySensor | Switch | Number | Camera | Button, Field(discriminator="platform")
]


class Discovery(Strict):
    """The payload of one device."""

    dev: DeviceInfo
    o: Origin
    cmps: dict[Text, Component]


def parse(payload: bytes) -> Discovery:
    """Raises ValidationError for what Home Assistant would not take."""
    return TypeAdapter(Discovery).validate_json(payload)


def read_topics(component: Component) -> set[str]:
    """The topics that a component expects somebody to publish on."""
    named = ("state_topic", "json_attributes_topic", "topic")
    own = {topic for name in named if (topic := getattr(component, name, None)) is not None}
    return own | {entry.topic for entry in component.availability}
