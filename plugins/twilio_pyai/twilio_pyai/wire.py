"""Twilio's media streams, message by message. No I/O.

Source: Twilio, "Media Streams: WebSocket messages". Numbers come as text; sound is G.711 mu-law at 8000 Hz as base64.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

from pyai_voice.protocol.amd.wire import ENCODING, RATE, object_of, read_object, text_of, texts_of

__all__ = [
    "FRAME",
    "RATE",
    "Digit",
    "Incoming",
    "Nonsense",
    "Played",
    "Sound",
    "Started",
    "Stopped",
    "clear",
    "mark",
    "media",
    "read",
]

FRAME = 160
"""Bytes of 20 ms."""
_INBOUND = ("", "inbound")
_SID = re.compile(r"[A-Za-z0-9]{1,64}")
_DIGITS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Started:
    """A stream begins (``start``)."""

    stream_sid: str
    call_sid: str
    account_sid: str
    supported: bool
    """Whether its sound is mu-law, 8000 Hz, one channel."""
    parameters: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """What the TwiML said by ``<Parameter>``."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What the caller says (``media`` of the inbound track)."""

    coded: bytes


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller has pressed a key (``dtmf``)."""

    digit: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything before a mark has been played, or cleared (``mark``)."""

    name: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The stream is over (``stop``)."""


@dataclass(frozen=True, slots=True)
class Nonsense:
    """What Twilio would not send."""


Incoming = Started | Sound | Digit | Played | Stopped | Nonsense


def read(message: str | bytes) -> Incoming | None:
    """Read a message; None for one that says nothing to us, also for those of days to come. Never raises."""
    fields = read_object(message)
    match text_of(fields, "event") if fields else "":
        case "media":
            return _sound(object_of(fields or {}, "media"))
        case "start":
            return _started(object_of(fields or {}, "start"))
        case "dtmf":
            digit = text_of(object_of(fields or {}, "dtmf"), "digit")
            return Digit(digit) if digit in _DIGITS else Nonsense()
        case "mark":
            name = text_of(object_of(fields or {}, "mark"), "name")
            return Played(name) if name else Nonsense()
        case "stop":
            return Stopped()
        case "":
            return Nonsense()
        case _:
            return None


def _sound(fields: dict[str, Any]) -> Sound | Nonsense | None:
    if text_of(fields, "track") not in _INBOUND:
        return None
    try:
        coded = base64.b64decode(text_of(fields, "payload"), validate=True)
    except ValueError:
        return Nonsense()
    return Sound(coded) if coded else Nonsense()


def _started(fields: dict[str, Any]) -> Started | Nonsense:
    stream, call = text_of(fields, "streamSid"), text_of(fields, "callSid")
    if not (_SID.fullmatch(stream) and _SID.fullmatch(call)):
        return Nonsense()
    described = object_of(fields, "mediaFormat")
    wanted = {"encoding": ENCODING, "sampleRate": RATE, "channels": 1}
    supported = all(described.get(name, value) == value for name, value in wanted.items())
    return Started(stream, call, text_of(fields, "accountSid"), supported, texts_of(fields, "customParameters"))


def media(stream_sid: str, coded: bytes) -> str:
    """Return a message that plays sound after what waits."""
    return _said("media", stream_sid, media={"payload": base64.b64encode(coded).decode()})


def mark(stream_sid: str, name: str) -> str:
    """Return a message that comes back when everything before it has been played."""
    return _said("mark", stream_sid, mark={"name": name})


def clear(stream_sid: str) -> str:
    """Return a message that drops what waits to be played, and stops what is playing."""
    return _said("clear", stream_sid)


def _said(event: str, stream_sid: str, **more: object) -> str:
    return json.dumps({"event": event, "streamSid": stream_sid, **more}, separators=(",", ":"))
