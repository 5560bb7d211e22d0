"""The client's side of the AMD conversation: mu-law in, media messages out; a decision in, an event out.

Above: :mod:`pyai_voice.amd`, which owns the connections. Below: :mod:`.wire`. No socket, no clock. One machine lives
as long as the call; the wire has no resume, so every connection begins with a ``start`` and the call's first sound.
What comes after the decision, and what is unknown, gives no event.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from ...amd_events import AmdDecision, AmdEvent
from ...amd_options import AmdOptions
from ...errors import service_error
from ...events import Problem
from ..hear.wire import error_of
from .wire import ENCODING, FRAME, RATE, Message, custom_parameters, encode, is_decision, read_decision, read_object

__all__ = ["AmdClient"]

_TRACK = "inbound"
"""Twilio's word for the sound that comes from the party that was called."""


class AmdClient:
    """Client role. Call :meth:`open` for each connection, :meth:`receive` for each message, and send what
    :meth:`data_to_send` returns after any call. ``name``: 32 characters that no other call has.
    """

    def __init__(self, options: AmdOptions, name: str) -> None:
        self._options = options
        self._stream, self._call = f"MZ{name}", f"CA{name}"
        self.decision: AmdDecision | None = None
        """What the service has decided."""
        self._sequence = 0
        self._heard = 0
        self._rest = b""
        self._outgoing: list[str] = []

    def open(self) -> None:
        """Begin a connection: greet, and forget what was sent on the one before."""
        self._sequence = self._heard = 0
        self._rest = b""
        self._outgoing = [encode({"event": "connected", "protocol": "Call", "version": "1.0.0"})]
        described = {
            "streamSid": self._stream,
            "callSid": self._call,
            "tracks": [_TRACK],
            "mediaFormat": {"encoding": ENCODING, "sampleRate": RATE, "channels": 1},
            "customParameters": custom_parameters(self._options),
        }
        self._send("start", described)

    def hear(self, coded: bytes) -> None:
        """Send mu-law, in messages of 20 ms; an incomplete one waits for the rest."""
        coded = self._rest + coded
        whole = len(coded) - len(coded) % FRAME
        for start in range(0, whole, FRAME):
            self._send_media(coded[start : start + FRAME])
        self._rest = coded[whole:]

    def stop(self) -> None:
        """Say that no more sound will come: the service decides with what it has heard."""
        if self._rest:
            self._send_media(self._rest)
            self._rest = b""
        self._send("stop", {"callSid": self._call})

    def data_to_send(self) -> list[str]:
        """Return the messages to send now, in order; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive(self, message: Message) -> list[AmdEvent]:
        """Digest one message; binary ones, broken JSON and unknown events give no event."""
        fields = read_object(message)
        if fields is None or self.decision is not None:
            return []
        if is_decision(fields):
            said = read_decision(fields)
            self.decision = replace(said, parameters=said.parameters or dict(self._options.parameters))
            return [self.decision]
        code, text = error_of(fields)
        if code or text:
            return [Problem(service_error(text or "The service reported an error", code=code))]
        return []

    def _send_media(self, coded: bytes) -> None:
        media = {
            "track": _TRACK,
            "chunk": str(self._heard // FRAME + 1),
            "timestamp": str(1000 * self._heard // RATE),
            "payload": base64.b64encode(coded).decode(),
        }
        self._heard += len(coded)
        self._send("media", media)

    def _send(self, event: str, content: Mapping[str, object]) -> None:
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), event: content, "streamSid": self._stream}
        self._outgoing.append(encode(message))
