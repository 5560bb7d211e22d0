"""How answering-machine detection listens to one call: frozen, checked when made.

Above: the AMD machines, the stream and the hosts. Limits: PyAI's protocol, AMD. A wrong value raises
:class:`~pyai_voice.errors.ConfigurationError` naming the option.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from .options import Options, SampleRate

__all__ = ["RESERVED_PARAMETERS", "AmdOptions"]

RESERVED_PARAMETERS = frozenset({"api_key", "aggressiveness", "webhook", "decision_timeout_ms", "session_label"})
"""Custom parameters that have a meaning of their own; every other one is a correlation key and is returned."""
_LONGEST_PARAMETER = 500
"""Characters of a parameter's name and value together; Twilio's limit."""
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class AmdOptions(Options):
    """What to tell the service about a call. ``None`` leaves the choice to the service."""

    encoding: Literal["pcm16", "ulaw"] = "pcm16"
    """What :meth:`~pyai_voice.amd.AmdStream.send_audio` is given: 16-bit little-endian mono, or G.711 mu-law."""
    sample_rate: SampleRate = 8000
    """Samples a second of the audio that is given; mu-law is always 8000. The wire has 8000."""
    aggressiveness: Annotated[float, Field(ge=0, le=1)] | None = None
    """How little evidence is enough: 0 waits until it is sure, 1 decides as soon as it can."""
    session_label: Annotated[str, Field(max_length=256)] | None = None
    """The caller's own tag; the call's record is found by it."""
    webhook: str | None = None
    """Where the service posts the decision: an https address."""
    decision_timeout: Annotated[float, Field(ge=1, le=15)] | None = None
    """Seconds of audio after which the service decides ``unknown``."""
    parameters: dict[str, str] = {}
    """Correlation keys, returned with the decision's webhook and record."""
    deadline: Annotated[float, Field(gt=0, le=60)] = 20.0
    """Seconds after the first audio at which the stream itself decides ``unknown``, whatever the network does."""

    @field_validator("session_label")
    @classmethod
    def _check_label(cls, label: str | None) -> str | None:
        if label and _CONTROL_CHARACTER.search(label):
            raise ValueError("expected text without control characters")
        return label

    @field_validator("webhook")
    @classmethod
    def _check_webhook(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", address):
            raise ValueError("expected an address such as https://example.com/amd")
        return address

    @field_validator("parameters")
    @classmethod
    def _check_parameters(cls, parameters: dict[str, str]) -> dict[str, str]:
        for name, value in parameters.items():
            if name in RESERVED_PARAMETERS:
                raise ValueError(f"{name} has an option of its own")
            if not name or len(name) + len(value) > _LONGEST_PARAMETER:
                raise ValueError(f"{name[:40]!r} and its value: expected 1 to {_LONGEST_PARAMETER} characters")
        return parameters

    @model_validator(mode="after")
    def _check_rate(self) -> Self:
        if self.encoding == "ulaw" and self.sample_rate != 8000:
            raise ValueError("sample_rate: mu-law is always 8000")
        return self
