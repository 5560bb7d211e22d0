"""The client machine of Hear, whatever comes: messages in any order, and garbage."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.events import SpeechStarted, Transcript, TurnEnded
from tests.core.hear_client_support import SENT, machine, told

texts = st.sampled_from(["", "a", "a b", "A b.", " "])
identifiers = st.sampled_from(["", "u_1", "u_2", "u_3"])
reasons = st.sampled_from([None, "commit", "client_commit", "endpoint", "silence"])
kinds = st.sampled_from(
    [
        "partial",
        "partial_stable",
        "speech_final",
        "final",
        "turn.end",
        "transcript.partial",
        "transcript.final",
        "error",
    ]
)
messages = st.builds(
    lambda kind, text, utterance, reason, t_ms: {
        "type": kind,
        "text": text,
        "utterance_id": utterance,
        "endpoint_reason": reason,
        "t_ms": t_ms,
        "code": "unknown_message_type",
    },
    kinds,
    texts,
    identifiers,
    reasons,
    st.integers(-10, 90_000) | st.none(),
)
steps = st.lists(messages | st.sampled_from(["commit", "reconnect", "settle", "give up"]), max_size=40)


@given(steps)
def test_turns_are_well_formed_in_any_order_of_messages(schedule: list[Any]) -> None:
    client = machine()
    open_utterance: str | None = None
    ended: set[str] = set()
    for step in schedule:
        match step:
            case "commit":
                client.commit()
                events = []
            case "reconnect":
                events = client.settle()
                client.open(0.0)
            case "settle":
                events = client.settle()
            case "give up":
                events = client.give_up("test", 1.0)
            case _:
                events = told(client, step)
        for event in events:
            match event:
                case SpeechStarted(utterance=name):
                    assert open_utterance is None
                    assert name not in ended
                    open_utterance = name
                case Transcript(utterance=name, text=text, start=start, end=end):
                    assert name == open_utterance
                    assert text.strip() == text != ""
                    assert 0 <= start <= end
                case TurnEnded(utterance=name):
                    assert open_utterance in (None, name)
                    assert name not in ended
                    ended.add(name)
                    open_utterance = None
                case _:
                    pass
        assert client.commits >= 0
        assert client.speaking == (open_utterance is not None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["text", "utterance_id", "t_ms", "audio_ms", "endpoint_reason", "stable_text", "active_text", "grounding", "error",
     "code", "warnings", "endpointing_ms", "language", "audio_seconds", "session_id"]
)  # fmt: skip


@given(kinds | st.sampled_from(["config_ack", "usage"]), st.dictionaries(fields, json_values))
def test_no_message_breaks_the_machine(kind: str, rest: dict[str, Any]) -> None:
    client = machine()
    client.commit()
    for event in told(client, {**rest, "type": kind}):
        assert not isinstance(event, Transcript) or event.text


@given(st.text() | st.binary())
def test_garbage_gives_no_event(junk: str | bytes) -> None:
    assert machine().receive(junk, SENT) == []
