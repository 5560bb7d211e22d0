"""Settings: frozen, checked when they are made, sent whole at every connect.

Above: faces and hosts. A wrong value raises :class:`~pyai_voice.errors.ConfigurationError` naming
the option; the message never repeats a key.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from .errors import ConfigurationError
from .provider import AUDIOPOD, PYAI, Provider
from .redact import register

__all__ = [
    "CueOptions",
    "Endpoint",
    "HearOptions",
    "LinkOptions",
    "Options",
    "SpeakOptions",
    "SpeechFormat",
    "TurnAuthority",
    "TurnPolicy",
]

SpeechFormat = Literal["pcm", "wav", "mp3", "opus", "aac", "flac", "g711_ulaw", "g711_alaw"]
"""All formats of ``POST /v1/audio/speech``."""

TurnAuthority = Literal["cue", "framework", "client"]
"""Whose word ends a turn: PyAI's own detector, the framework's (its voice detector and turn model), or the program's
(it commits).
"""

SampleRate = Annotated[int, Field(ge=8000, le=48000)]
"""Samples a second."""

_KEY = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,512}")


class Options(BaseModel):
    """Base of all settings: frozen; a wrong value raises ConfigurationError naming the option, never the value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    def __init__(self, **values: Any) -> None:
        complaint = ""
        try:
            super().__init__(**values)
        except ValidationError as error:
            faults = error.errors(include_input=False, include_url=False, include_context=False)
            complaint = "; ".join(_complaint(fault["loc"], fault["msg"]) for fault in faults)
        if complaint:  # raised out here, so that no __context__ holds the values
            raise ConfigurationError(complaint, code="invalid_option")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some options changed, checked again."""
        current = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**current, **changes})


class Endpoint(Options):
    """Where the service is and the key for it. The key is hidden in every repr."""

    api_key: SecretStr
    """Opaque; at most 512 characters that are legal in a WebSocket subprotocol."""
    base_url: str = ""
    """Origin, e.g. ``https://api.pyai.com``; a trailing ``/v1`` is taken off."""
    insecure: bool = False
    """Allow http and ws to a host that is not this machine."""
    provider: Provider = PYAI
    """What kind of service it is."""

    @field_validator("api_key")
    @classmethod
    def _check_key(cls, key: SecretStr) -> SecretStr:
        if not _KEY.fullmatch(key.get_secret_value()):
            raise ValueError("not a key: expected 1 to 512 letters, digits and -_.~ without spaces; copy it again")
        register(key.get_secret_value())
        return key

    @model_validator(mode="after")
    def _check_url(self) -> Self:
        url = (self.base_url or self.provider.origin).rstrip("/").removesuffix(self.provider.path)
        parts = _address(url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url: expected an address such as https://api.pyai.com")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("base_url: no user name, query or fragment; the key goes into api_key")
        if parts.scheme == "http" and not (self.insecure or _is_loopback(parts.hostname)):
            raise ValueError("base_url: http only to this machine; use https, or set insecure=True")
        object.__setattr__(self, "base_url", url)
        return self

    @classmethod
    def from_env(
        cls,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        *,
        provider: Provider = PYAI,
        insecure: bool = False,
    ) -> Self:
        """Build from arguments, else from the provider's variables (``PYAI_API_KEY``, ``PYAI_BASE_URL``).

        Raises ConfigurationError (a ValueError) if there is no key.
        """
        key = api_key or os.environ.get(provider.key_variable, "")
        if not key:
            raise ConfigurationError(
                f"A {provider.name} API key is required",
                code="missing_key",
                hint=f"Pass api_key= or set {provider.key_variable}",
            )
        url = base_url or os.environ.get(provider.base_url_variable, "")
        fields: dict[str, Any] = {"api_key": key, "base_url": url}  # whatever they are, the options check them
        return cls(**fields, provider=provider, insecure=insecure)

    @classmethod
    def audiopod(cls, api_key: str | SecretStr | None = None, base_url: str | None = None) -> Self:
        """Build for AudioPod's OpenAI-compatible endpoints (``AUDIOPOD_API_KEY``): speak, transcribe, translate."""
        return cls.from_env(api_key, base_url, provider=AUDIOPOD)

    def url(self, path: str) -> str:
        """Return the address of a path such as ``/audio/speech``."""
        return f"{self.base_url}{self.provider.path}{path}"

    def websocket_url(self, path: str) -> str:
        """Return the WebSocket address of a path such as ``/audio/transcriptions/stream``."""
        return "ws" + self.url(path).removeprefix("http")

    def is_loopback(self) -> bool:
        """Tell whether the service runs on this machine."""
        return _is_loopback(urlsplit(self.base_url).hostname or "")


class TurnPolicy(Options):
    """Who ends a turn, and what happens when that one says nothing."""

    authority: TurnAuthority = "framework"
    """Exactly one decides; what the others say is words, never the end of a turn."""
    deadline: Annotated[float, Field(gt=0, le=60)] = 3.0
    """Seconds of the caller's silence, measured here, without a word from Cue, after which its turn is ended: by asking
    the service, and without an answer within a second here. Only where Cue is the authority and connected; never less
    than ``endpointing_ms`` and half a second."""
    watchdog: Annotated[float, Field(gt=0, le=600)] = 20.0
    """Seconds without a new word after which an open turn is ended in the same way, whoever is the authority, also
    without a connection."""


class CueOptions(Options):
    """What Cue does on the Hear stream besides ending turns."""

    grounding: bool = False
    """Also return passages of the organisation's knowledge base with each final transcript."""
    eager: bool = False
    """Predict the end of a turn while the service still waits for silence."""
    eager_threshold: Annotated[float, Field(ge=0, le=1)] = 0.6
    """How sure a prediction must be, 0 to 1: lower is earlier and more often withdrawn."""


class HearOptions(Options):
    """How Hear listens (streaming). ``None`` leaves the choice to the service."""

    model: str = "pyai-hear"
    """Recogniser."""
    language: str | None = None
    """ISO 639-1 code; None: the service detects it."""
    sample_rate: SampleRate = 16000
    """Samples a second of the audio that will be sent."""
    interim_results: bool = True
    """Whether partial transcripts are wanted."""
    endpointing_ms: Annotated[int, Field(ge=50, le=5000)] | None = None
    """Trailing silence that ends an utterance, in milliseconds."""
    vocabulary: tuple[str, ...] = ()
    """Words to listen for; the service uses at most five."""
    numerals: bool | None = None
    """Write numbers as digits (finals only)."""
    smart_format: bool | None = None
    """Format dates, amounts and the like (finals only)."""
    dictation: bool | None = None
    """Understand spoken punctuation."""
    drop_fillers: bool | None = None
    """Leave out um and uh."""
    cue: CueOptions = CueOptions()
    """Cue: passages of the knowledge base, eager end of turn."""
    turns: TurnPolicy = TurnPolicy()
    """Who ends a turn."""
    query: dict[str, str] = {}
    """Further parameters of the connect address, as they are (``context`` is never sent)."""

    @field_validator("language", mode="before")
    @classmethod
    def _auto_is_none(cls, language: Any) -> Any:
        return None if language in ("", "auto") else language

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _take_terms(cls, terms: Any) -> Any:
        if isinstance(terms, str):
            raise ValueError("expected a list of words, not one text")
        return () if terms is None else terms

    @field_validator("vocabulary")
    @classmethod
    def _clean_terms(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(term.strip() for term in terms if term.strip()))


class SpeakOptions(Options):
    """How Speak sounds."""

    voice: str | None = None
    """Voice id from ``GET /v1/voices``, or an OpenAI name; None: the account's default."""
    model: str = "pyai-speak"
    """Synthesiser."""
    response_format: SpeechFormat = "pcm"
    """What arrives; pcm is 16-bit little-endian mono without a header."""
    sample_rate: SampleRate = 24000
    """Samples a second of pcm and wav. G.711 is always 8000."""
    speed: Annotated[float, Field(ge=0.25, le=4.0)] | None = None
    """Sent only when set; PyAI may refuse it."""
    seed: int | None = None
    """Sent only when set."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Sent only when set."""


class LinkOptions(Options):
    """How patient a stream is. All values in seconds."""

    open_timeout: float = Field(default=10.0, gt=0)
    """For one connect, handshake included."""
    first_delay: float = Field(default=0.05, gt=0)
    """Upper bound of the first random wait between two connects."""
    longest_delay: float = Field(default=5.0, gt=0)
    """Upper bound of every such wait."""
    ride_through: float = Field(default=30.0, ge=0)
    """How long an outage may last before the stream gives up."""
    journal: float = Field(default=30.0, gt=0)
    """How much unconfirmed audio is kept for a replay."""
    ping: float = Field(default=4.0, gt=0)
    """Between two pings, and for the answer to one."""
    send_stall: float = Field(default=5.0, gt=0)
    """After which a send that makes no progress is aborted."""
    silence_from_server: float = Field(default=8.0, gt=0)
    """While somebody speaks: without a word from the server for so long, the connection is given up."""
    commit_answer: float = Field(default=5.0, gt=0)
    """For the answer to a commit, before the connection is given up."""


def _complaint(place: tuple[int | str, ...], said: str) -> str:
    """Return what is wrong where; what is wrong with several options at once names them itself."""
    said = said.removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {said}" if place else said


def _address(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:  # brackets that do not match, a port that is no number
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
