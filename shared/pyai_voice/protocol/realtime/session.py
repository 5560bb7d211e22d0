"""The settings of a Realtime session: read from ``session.update`` and ``response.create``, shown as they are in force.

The flat shape of the beta is turned into today's by :mod:`.beta` before it comes here. An update is applied whole or
not at all. What is echoed is what is in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .wire import AUDIO_FORMATS, AudioFormat, Fields, Unsupported, refusal_of, refuse

__all__ = ["Abilities", "FunctionTool", "Session", "TurnDetection"]

_MERGED = ("audio", "input", "output")
"""Objects whose fields are set one by one; every other one is replaced whole."""
_READ_ONLY = frozenset({"id", "object", "expires_at"})
_OF_A_RESPONSE = frozenset(
    {"instructions", "output_modalities", "tools", "tool_choice", "max_output_tokens", "audio", "temperature"}
)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the engines behind a session can do."""

    voice: str
    """Id of the voice that speaks where none is asked for."""
    knows_voice: Callable[[str], bool]
    """Tells whether there is a voice with this id."""
    languages: frozenset[str]
    """ISO 639-1 codes that are understood."""
    speeds: tuple[float, float] = (1.0, 1.0)
    """Slowest and fastest speech."""


class Format(Fields):
    """``{"type": "audio/pcm", "rate": 24000}``; G.711 is ``audio/pcmu`` and ``audio/pcma``."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: int | None = None

    @field_validator("rate")
    @classmethod
    def _check_rate(cls, rate: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("type")
        if rate is not None and kind is not None and rate != AUDIO_FORMATS[kind].rate:
            raise ValueError(f"Invalid value: {kind} has {AUDIO_FORMATS[kind].rate} samples a second")
        return rate

    @property
    def audio(self) -> AudioFormat:
        """What it means."""
        return AUDIO_FORMATS[self.type]


def _known_language(language: str | None, info: ValidationInfo) -> str | None:
    abilities = _abilities(info)
    if language and language.split("-")[0].lower() not in abilities.languages:
        raise ValueError(f"Invalid value: expected one of {', '.join(sorted(abilities.languages))}")
    return language


class Transcription(Fields):
    """Whether the client wants to read what it said; the model is the server's own, whatever is named."""

    model: Annotated[str, Field(max_length=100)] = "pyai-hear"
    language: Annotated[str | None, AfterValidator(_known_language)] = None
    prompt: Unsupported = None
    keywords: Unsupported = None
    languages: Unsupported = None
    delay: Unsupported = None


class _Detection(Fields):
    create_response: bool = True
    """Answer by itself when the caller's turn is over."""
    interrupt_response: bool = True
    """Stop the answer when the caller speaks."""

    @model_validator(mode="before")
    @classmethod
    def _leave_nulls_out(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if value is not None}


class ServerVad(_Detection):
    """A turn ends after so much silence."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Field(ge=0.5, le=0.5)] = 0.5
    """The detector's own: another one is refused."""
    prefix_padding_ms: Annotated[int, Field(ge=0, le=5000)] = 300
    silence_duration_ms: Annotated[int, Field(ge=0, le=6000)] = 500
    idle_timeout_ms: Unsupported = None

    @property
    def silence(self) -> float | None:
        """The least seconds of silence that end a turn; None: as short as the judgement allows."""
        return self.silence_duration_ms / 1000

    @property
    def prefix(self) -> float:
        """Seconds before the speech that count as its start."""
        return self.prefix_padding_ms / 1000


class SemanticVad(_Detection):
    """A turn ends when what was said is finished."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"

    @property
    def silence(self) -> float | None:
        """The least seconds of silence that end a turn; None: as short as the judgement allows."""
        return 1.0 if self.eagerness == "low" else None

    @property
    def prefix(self) -> float:
        """Seconds before the speech that count as its start."""
        return 0.3


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class AudioInput(Fields):
    """What the client sends."""

    format: Format = Format(type="audio/pcm", rate=24000)
    transcription: Transcription | None = None
    noise_reduction: Unsupported = None
    turn_detection: TurnDetection | None = ServerVad()


def _known_voice(voice: str, info: ValidationInfo) -> str:
    if not _abilities(info).knows_voice(voice):
        raise ValueError("Invalid value: there is no such voice; GET /v1/voices lists them")
    return voice


def _in_range(speed: float, info: ValidationInfo) -> float:
    slowest, fastest = _abilities(info).speeds
    if not slowest <= speed <= fastest:
        raise ValueError(f"Invalid value: expected {slowest:g} to {fastest:g}")
    return speed


def _abilities(info: ValidationInfo) -> Abilities:
    return cast("Abilities", info.context)


class AudioOutput(Fields):
    """What the client gets."""

    format: Format = Format(type="audio/pcm", rate=24000)
    voice: Annotated[str, AfterValidator(_known_voice)] = ""
    speed: Annotated[float, AfterValidator(_in_range)] = 1.0

    @field_validator("voice", mode="before")
    @classmethod
    def _take_id(cls, voice: object) -> object:
        return cast("Mapping[str, object]", voice).get("id", "") if isinstance(voice, Mapping) else voice


class Audio(Fields):
    """Both directions."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class FunctionTool(Fields):
    """Something the client does when it is asked to."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["function"] = "function"
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: Annotated[str, Field(max_length=4000)] | None = None
    parameters: dict[str, Any] = {"type": "object", "properties": {}}

    @field_validator("parameters")
    @classmethod
    def _check_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if schema.get("type") != "object":
            raise ValueError("Invalid value: expected the JSON Schema of an object")
        return schema


class Session(Fields):
    """Everything that is in force."""

    type: Literal["realtime"] = "realtime"
    model: str
    """As the client named it."""
    instructions: Annotated[str, Field(max_length=32_000)] = ""
    output_modalities: tuple[Literal["audio", "text"]] = ("audio",)
    audio: Audio = Audio()
    tools: Annotated[tuple[FunctionTool, ...], Field(max_length=128)] = ()
    tool_choice: Literal["auto", "none"] = "auto"
    """The local brains cannot be forced to call a function."""
    max_output_tokens: Literal["inf"] = "inf"
    """Nor do they count tokens."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    truncation: Literal["auto"] | None = "auto"
    tracing: Unsupported = None
    include: Unsupported = None
    prompt: Unsupported = None
    reasoning: Unsupported = None
    parallel_tool_calls: Unsupported = None

    @property
    def speaks(self) -> bool:
        """Whether answers are spoken; else they are text."""
        return self.output_modalities == ("audio",)

    def wire(self) -> dict[str, Any]:
        """Return the settings as ``session.created`` shows them: what this server does not have is left out."""
        shown = self.model_dump(mode="json", exclude={"temperature"}, exclude_none=True)
        switches: dict[str, Any] = {"noise_reduction": None, "transcription": None, "turn_detection": None}
        shown["audio"]["input"] = {**switches, **shown["audio"]["input"]}
        return shown

    def updated(self, changes: Mapping[str, Any], abilities: Abilities) -> Self:
        """Return the session after a ``session.update``. Raises Refusal that names the field if anything is wrong."""
        changes = {name: value for name, value in changes.items() if name not in _READ_ONLY}
        if changes.get("model") not in (None, self.model):
            refuse("invalid_value", "The model of a session cannot be changed: 'session.model'.", "session.model")
        return self._merged(changes, abilities, "session")

    def for_response(self, changes: Mapping[str, Any], abilities: Abilities) -> Self:
        """Return the session as one response has it, by the fields of its ``response.create``. Raises Refusal."""
        if unknown := sorted(changes.keys() - _OF_A_RESPONSE):
            refuse("unknown_parameter", f"Unknown parameter: 'response.{unknown[0]}'.", f"response.{unknown[0]}")
        return self._merged(changes, abilities, "response")

    def _merged(self, changes: Mapping[str, Any], abilities: Abilities, where: str) -> Self:
        given = {name: value for name, value in changes.items() if value is not None}
        try:
            return type(self).model_validate(_merge(self.model_dump(), given), context=abilities)
        except ValidationError as error:
            refusal = refusal_of(error, where)
        raise refusal


def _merge(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(current)
    for name, value in changes.items():
        within = current.get(name)
        if name in _MERGED and isinstance(within, Mapping) and isinstance(value, Mapping):
            value = _merge(cast("Mapping[str, Any]", within), cast("Mapping[str, Any]", value))
        merged[name] = value
    return merged
