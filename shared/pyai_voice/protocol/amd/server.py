"""The server's side of the AMD conversation: Twilio's messages in, calls out; a decision in, one message out.

Above: :mod:`pyai_voice.server.amd`, which owns the socket and the detector. Below: :mod:`.wire`. No socket, no clock.

Rules, with their source in PyAI's protocol (AMD):

* key and options come with ``start``, before any audio: media that comes earlier is not heard;
* only the sound of the party that was called is heard, also where a stream carries both tracks;
* one decision for each call.

A message never makes it raise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...amd_events import AmdDecision
from .wire import ENCODING, RATE, Message, encode, object_of, payload_of, read_object, text_of, texts_of

__all__ = ["AmdCall", "AmdServer", "Media", "Started", "Stopped"]

_OTHER_TRACK = "outbound"
"""The sound of our own side."""


@dataclass(frozen=True, slots=True)
class Started:
    """A stream begins; comes once, before any sound."""

    parameters: dict[str, str] = field(repr=False)
    """What the client says of it; ``api_key`` among them may be its key."""
    supported: bool = True
    """Whether its sound is what this protocol has: mu-law, 8000 Hz, one channel."""


@dataclass(frozen=True, slots=True)
class Media:
    """The sound of the party that was called."""

    coded: bytes
    """mu-law at 8000 Hz, never empty."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """No more sound will come."""


AmdCall = Started | Media | Stopped
"""Everything that a client can say."""


class AmdServer:
    """One AMD connection as the server sees it: hand it messages, do what it returns, send what it has to say."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._started = False
        self._stopped = False
        self._decided = False
        self._outgoing: list[str] = []

    def data_to_send(self) -> list[str]:
        """Return the messages to send since the last call, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive(self, message: Message) -> list[AmdCall]:
        """Digest one message of the client; what is not of the protocol is ignored."""
        fields = read_object(message)
        if fields is None or self._stopped:
            return []
        match text_of(fields, "event"):
            case "start" if not self._started:
                self._started = True
                return [_started(object_of(fields, "start"))]
            case "media" if self._started:
                return self._media(fields)
            case "stop":
                self._stopped = True
                return [Stopped()]
            case _:
                return []

    def _media(self, fields: dict[str, Any]) -> list[AmdCall]:
        if text_of(object_of(fields, "media"), "track") == _OTHER_TRACK:
            return []
        coded = payload_of(fields)
        return [Media(coded)] if coded else []

    def decide(self, decision: AmdDecision) -> None:
        """Tell who has answered; without effect when called again."""
        if self._decided:
            return
        self._decided = True
        said: dict[str, object] = {
            "event": "amd",
            "call_id": self._call_id,
            "answered_by": decision.answered_by,
            "answered_by_twilio": decision.answered_by_twilio,
            "confidence": decision.confidence,
            "decision_ms": None if decision.at is None else round(1000 * decision.at),
            "reason": decision.reason,
        }
        more = {"rule_id": decision.rule_id, "custom_parameters": decision.parameters}
        self._outgoing.append(encode(said | {name: value for name, value in more.items() if value}))

    def error(self, code: str, message: str) -> None:
        """Say what is wrong, in the shapes that both kinds of reader understand."""
        nested = {"code": code, "message": message}
        self._outgoing.append(encode({"event": "error", **nested, "error": nested}))


def _started(start: dict[str, Any]) -> Started:
    described = object_of(start, "mediaFormat")
    wanted = {"encoding": ENCODING, "sampleRate": RATE, "channels": 1}
    supported = all(described.get(name, value) == value for name, value in wanted.items())
    return Started(texts_of(start, "customParameters"), supported)
