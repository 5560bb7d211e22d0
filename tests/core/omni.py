"""What the tests of the Omni machines share: a client with a clock, and the server's messages."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pyai_voice.events import Problem
from pyai_voice.omni_events import OmniEvent
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.protocol.omni.client import OmniClient
from pyai_voice.protocol.omni.wire import audio_message, control_message

LOOKUP = Tool(name="lookup_order", description="Find an order", parameters={"type": "object", "properties": {}})
SECOND = bytes(48_000)
"""One second of agent audio at 24000."""
_E = TypeVar("_E")


def sound(seconds: float) -> bytes:
    return audio_message(bytes(round(seconds * 24_000) * 2))


def event(name: str, /, **fields: Any) -> bytes:
    return control_message({"event": name, **fields})


def said(text: str, final: bool = True) -> bytes:
    return event("transcript", role="assistant", text=text, final=final)


def hello(**fields: Any) -> bytes:
    return event("hello", call_id="call_1", protocol=2, audio_in="pcm16@16000", audio_out="pcm16@24000", **fields)


def caller(text: str) -> bytes:
    return b"\x02" + text.encode()


def called(call_id: str = "tc_1", name: str = "lookup_order", **fields: Any) -> bytes:
    return event("tool_call", call_id=call_id, name=name, **{"arguments": {"order_id": "9"}, **fields})


class Line:
    """A client on its first connection, one tenth of a second after the start of the clock for each message."""

    def __init__(self, *, greet: bool = True, **options: Any) -> None:
        self.client = OmniClient(OmniOptions(**options))
        self.now = 100.0
        self.events: list[OmniEvent] = []
        self.client.open(self.now)
        self.first = self.sent()
        if greet:
            self.hears(hello(), event("configured", tools=len(self.client.options.tools)))
            self.events.clear()

    def hears(self, *messages: str | bytes, after: float = 0.0) -> list[OmniEvent]:
        """Let time pass, then receive; return the new events."""
        events = self.passes(after)
        for message in messages:
            events += self.client.receive(message, self.now)
        return self._take(events)

    def passes(self, seconds: float) -> list[OmniEvent]:
        """Let time pass, ticking every 20 ms as a stream does."""
        events: list[OmniEvent] = []
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + 0.02)
            events += self.client.tick(self.now)
        return events

    def waits(self, seconds: float) -> list[OmniEvent]:
        return self._take(self.passes(seconds))

    def _take(self, events: list[OmniEvent]) -> list[OmniEvent]:
        self.events += events
        return events

    def sent(self) -> list[dict[str, Any]]:
        """Return the control messages that wait to be sent."""
        messages = self.client.data_to_send()
        assert all(message[0] == 0x03 for message in messages)
        return [json.loads(message[1:]) for message in messages]


def of(kind: type[_E], events: list[OmniEvent]) -> list[_E]:
    """Return the events of one kind."""
    return [each for each in events if isinstance(each, kind)]


def problems(events: list[OmniEvent]) -> list[str]:
    return [str(each.error) for each in of(Problem, events)]
