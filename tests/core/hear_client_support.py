"""What the tests of Hear's client machine share: a machine, and the server's messages."""

from __future__ import annotations

import json
from typing import Any

from pyai_voice.events import HearEvent, Transcript, TurnEnded
from pyai_voice.options import HearOptions
from pyai_voice.protocol.hear.client import HearClient

SENT = 60.0
"""Seconds of audio sent before any message of these tests."""


def machine(**options: Any) -> HearClient:
    client = HearClient(HearOptions(**options))
    client.open(0.0)
    client.data_to_send()
    return client


def told(client: HearClient, *messages: dict[str, Any], sent: float = SENT) -> list[HearEvent]:
    return [event for message in messages for event in client.receive(json.dumps(message), sent)]


def partial(text: str, utterance: str = "u_1", **more: Any) -> dict[str, Any]:
    return {"type": "partial", "text": text, "utterance_id": utterance, **more}


def final(text: str, utterance: str = "u_1", reason: str | None = "client_commit", **more: Any) -> dict[str, Any]:
    fields = {"type": "final", "text": text, "utterance_id": utterance, **more}
    return fields if reason is None else {**fields, "endpoint_reason": reason}


def speech_final(text: str, utterance: str = "u_1", reason: str = "client_commit", **more: Any) -> dict[str, Any]:
    return {**final(text, utterance, reason, **more), "type": "speech_final"}


def finals(events: list[HearEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Transcript) and event.final]


def ends(events: list[HearEvent]) -> list[TurnEnded]:
    return [event for event in events if isinstance(event, TurnEnded)]
