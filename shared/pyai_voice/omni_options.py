"""What an Omni agent is, and how its stream behaves: frozen, checked when made, sent whole with each ``configure``.

Above: the Omni machines, the stream and the hosts. Limits: PyAI's protocol, Omni ("Client to server control", "Agent
profiles"). A wrong value raises :class:`~pyai_voice.errors.ConfigurationError` naming the option.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from .options import Options, SampleRate
from .redact import register

__all__ = ["LONGEST_PERSONA", "CallerRate", "OmniOptions", "Tool"]

LONGEST_PERSONA = 32_000
"""Characters."""

CallerRate = Literal[8000, 16000, 24000]
"""Samples a second of the caller's audio on the wire."""

_REFUSED_QUERY = frozenset({"agent", "agent_id", "agentId", "model", "access_token", "api_key", "format", "rate"})
"""Old names of the label and of the key, and what has an option of its own."""
_KEYS_OF_CONTROL = frozenset({"type", "event"})
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Tool(Options):
    """Something that the agent may call during the conversation."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    """Unique among the agent's tools."""
    description: Annotated[str, Field(max_length=4000)] = ""
    """When to call it, for the agent."""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    """JSON Schema of its arguments, an object (also accepted as ``input_schema``, its name on REST)."""
    endpoint: str | None = None
    """Where the service posts a call; None: this client answers it."""
    side_effect: Literal["read", "write"] | None = None
    """Whether a call changes anything; sent only when set."""
    execution: Literal["client", "engine"] | None = None
    """Who carries it out; sent only when set."""
    timeout: Annotated[float, Field(gt=0, le=60)] | None = None
    """Seconds that this client gives its own function before it answers that the call took too long (None:
    ``OmniOptions.tool_timeout``). The service has a budget of its own, about 5 s; it is told this one only where a
    tool is registered (``client.tools.create``)."""

    @model_validator(mode="before")
    @classmethod
    def _take_input_schema(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        fields = dict(cast("Mapping[str, Any]", values))
        if "input_schema" in fields:
            fields["parameters"] = fields.pop("input_schema")
        return fields

    @field_validator("parameters")
    @classmethod
    def _check_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if schema.get("type") != "object":
            raise ValueError('expected the JSON Schema of an object: {"type": "object", "properties": {...}}')
        _check_json(schema)
        return schema

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, url: str | None) -> str | None:
        return _https(url)


class OmniOptions(Options):
    """What the agent is, and how the stream treats it. ``None`` leaves the choice to the service."""

    persona: Annotated[str, Field(max_length=LONGEST_PERSONA)] | None = None
    """Instructions: who the agent is and what it does."""
    voice: str | None = None
    """Voice id from ``GET /v1/voices``."""
    language: str | None = None
    """ISO 639-1 code."""
    greeting: Annotated[str, Field(max_length=1000)] | None = None
    """What the agent says first; empty: nothing."""
    tools: tuple[Tool, ...] = ()
    """What the agent may call."""
    kb_endpoint: str | None = None
    """Your knowledge endpoint, which the service asks; public, https."""
    kb_token: SecretStr | None = None
    """The bearer that the service shows to it."""
    consent_line: Annotated[str, Field(max_length=500)] | None = None
    """Said before everything else where calls are recorded."""
    caller_key: Annotated[str, Field(max_length=256)] | None = None
    """Who calls, for continuity from one call to the next."""
    model_tier: str | None = None
    """Sent only when set."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Sent only when set."""
    seed: int | None = None
    """Sent only when set."""
    extra: dict[str, Any] = {}
    """Further fields of ``configure`` as they are, e.g. ``barge_sensitivity``."""

    session_label: str | None = None
    """Your own tag, at most 256 printable characters; the id of an agent profile loads that profile."""
    configure: bool = True
    """False: the profile that ``session_label`` names has everything; no ``configure`` is sent, since a partial one
    would take the profile's tools and knowledge away. ``tools`` then says what this client answers."""
    rate: CallerRate = 16000
    """Samples a second of the caller's audio on the wire; 8000 also makes the agent's 8000."""
    input_rate: SampleRate | None = None
    """Samples a second of the audio given to the stream; None: ``rate``."""
    output_rate: SampleRate | None = None
    """Samples a second of the agent's audio that the stream yields; None: as the service announces."""
    surface: Literal["omni", "realtime"] = "omni"
    """``/v1/omni`` or its alias ``/v1/realtime``."""
    query: dict[str, str] = {}
    """Further parameters of the connect address, as they are."""
    both_keys: bool = False
    """Key control messages on ``event`` as well as on ``type``, for older engines."""

    on_mismatch: Literal["fail", "report"] = "fail"
    """What to do when the service confirms something else than was asked for: end the stream, or a Problem."""
    confirm_timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds for the service to confirm ``configure``."""
    tool_timeout: Annotated[float, Field(gt=0, le=60)] = 4.5
    """Seconds for the answer to a tool call; the service itself waits about five."""
    reply_quiet: Annotated[float, Field(ge=0.05, le=10)] = 0.35
    """Seconds without anything new, after a reply's audio would have been played, that end the reply."""
    reseed: bool = True
    """After a lost connection tell the new one, in its persona, what was said so far."""

    @field_validator("language", mode="before")
    @classmethod
    def _auto_is_none(cls, language: Any) -> Any:
        return None if language in ("", "auto") else language

    @field_validator("tools")
    @classmethod
    def _check_names(cls, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        names = [tool.name for tool in tools]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two tools have the name {twice[0]}")
        return tools

    @field_validator("kb_endpoint")
    @classmethod
    def _check_kb_endpoint(cls, url: str | None) -> str | None:
        return _https(url)

    @field_validator("kb_token")
    @classmethod
    def _hide_token(cls, token: SecretStr | None) -> SecretStr | None:
        register(token.get_secret_value() if token else "")
        return token

    @field_validator("extra")
    @classmethod
    def _check_extra(cls, extra: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(extra.keys() & (_KEYS_OF_CONTROL | _CONFIGURE_FIELDS)):
            raise ValueError(f"{taken[0]} is not for here")
        _check_json(extra)
        return extra

    @field_validator("session_label")
    @classmethod
    def _check_label(cls, label: str | None) -> str | None:
        if label is not None and not (0 < len(label) <= 256 and not _CONTROL_CHARACTER.search(label)):
            raise ValueError("expected 1 to 256 characters without control characters")
        return label

    @field_validator("query")
    @classmethod
    def _check_query(cls, query: dict[str, str]) -> dict[str, str]:
        if refused := sorted(query.keys() & _REFUSED_QUERY):
            raise ValueError(f"{refused[0]} is not for the address: use session_label, rate and api_key")
        return query

    @model_validator(mode="after")
    def _check_profile(self) -> OmniOptions:
        if not self.configure and not self.session_label:
            raise ValueError("configure: without it the session_label must name an agent profile")
        if not self.configure and self.asked().keys() - {"tools"}:
            raise ValueError("configure: a profile is used as it is, or everything is configured: not a part")
        return self

    def asked(self) -> dict[str, Any]:
        """Return the fields of ``configure`` that are set, as on the wire."""
        token = self.kb_token.get_secret_value() if self.kb_token else None
        wanted: dict[str, Any] = {
            "voice_id": self.voice,
            "persona": self.persona,
            "greeting": self.greeting,
            "language": self.language,
            "tools": [_entry(tool) for tool in self.tools] or None,
            "kb_endpoint": self.kb_endpoint,
            "kb_token": token,
            "consent_line": self.consent_line,
            "caller_key": self.caller_key,
            "model_tier": self.model_tier,
            "temperature": self.temperature,
            "seed": self.seed,
            **self.extra,
        }
        return {name: value for name, value in wanted.items() if value is not None}


_CONFIGURE_FIELDS = frozenset({"voice_id", "voice"}) | (
    OmniOptions.model_fields.keys()
    & {
        "persona",
        "greeting",
        "language",
        "tools",
        "kb_endpoint",
        "kb_token",
        "consent_line",
        "caller_key",
        "model_tier",
        "temperature",
        "seed",
    }
)


def _entry(tool: Tool) -> dict[str, Any]:
    """Return a tool as in ``configure``."""
    fields = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "endpoint": tool.endpoint,
        "side_effect": tool.side_effect,
        "execution": tool.execution,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _check_json(value: object) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("expected what JSON can say") from None


def _https(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ValueError("expected an https address") from None
    if not host or parts.username or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise ValueError("expected an https address without a user name")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
