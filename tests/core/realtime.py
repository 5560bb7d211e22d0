"""A client for the machine of the Realtime events: what is sent is checked against the types of the openai package."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

from openai.types.realtime import realtime_server_event
from pydantic import BaseModel

from pyai_voice.protocol.realtime.calls import RealtimeCall, Respond
from pyai_voice.protocol.realtime.server import RealtimeServer
from pyai_voice.protocol.realtime.session import Abilities

ABILITIES = Abilities(
    "heart", lambda voice: voice in ("", "heart", "oak", "marin"), frozenset({"en", "de"}), (0.5, 2.0)
)
SECOND = base64.b64encode(bytes(48000)).decode()


def _types() -> dict[str, type[BaseModel]]:
    members: tuple[type[BaseModel], ...] = get_args(get_args(realtime_server_event.RealtimeServerEvent)[0])
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in members}


EVENTS = _types()
"""Name of an event -> its type."""


class Client:
    """A session that is open."""

    def __init__(self, *, beta: bool = False, model: str = "pyai-omni-realtime") -> None:
        self.server = RealtimeServer("ab12", model, ABILITIES, beta=beta)
        self.beta = beta
        self.server.open()
        self.opening = self.sent()

    def says(self, kind: str, **fields: Any) -> list[RealtimeCall]:
        return self.server.receive(json.dumps({"type": kind, "event_id": "mine", **fields}))

    def sent(self) -> list[dict[str, Any]]:
        """Return the events that were sent since the last call."""
        events = [json.loads(message) for message in self.server.data_to_send()]
        for event in events:
            if not self.beta:
                EVENTS[event["type"]].model_validate(event)
        return events

    def kinds(self) -> list[str]:
        """Return the types of what was sent since the last call."""
        return [event["type"] for event in self.sent()]

    def refused(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Say something that is refused and nothing else; return the error."""
        assert self.says(kind, **fields) == []
        (event,) = self.sent()
        assert event["type"] == "error" and event["error"]["event_id"] == "mine"
        return event["error"]

    def updated(self, **session: Any) -> dict[str, Any]:
        """Change the session; return it as it is then."""
        self.says("session.update", session=session)
        (event,) = self.sent()
        assert event["type"] == "session.updated", event
        return event["session"]

    def text(self, text: str, role: str = "user", **fields: Any) -> str:
        """Add a message; return its id."""
        content = [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
        self.says("conversation.item.create", item={"type": "message", "role": role, "content": content}, **fields)
        added, done = self.sent()
        assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
        return added["item"]["id"]


def response(calls: list[RealtimeCall]) -> Respond:
    (call,) = calls
    assert isinstance(call, Respond)
    return call


def said(items: Respond) -> list[tuple[str, str]]:
    return [(item.role or item.kind, item.text or item.output or item.name) for item in items.items]
