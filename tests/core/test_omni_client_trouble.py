"""The client machine of Omni: errors, the end, a lost connection, and whatever messages come."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.errors import ProtocolError, RequestError, ServiceError
from pyai_voice.events import Problem
from pyai_voice.omni_events import (
    AgentTurnBegan,
    CallerTranscript,
    CallStarted,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    ToolCallClosed,
    ToolCalled,
)
from tests.core.omni import LOOKUP, Line, called, caller, event, hello, of, problems, said, sound

# Trouble


@pytest.mark.parametrize(
    "message",
    [
        event("error", code="unknown_voice", message="No such voice"),
        event("error", error={"code": "unknown_voice", "message": "No such voice"}),
        b'\x03{"type":"error","code":"unknown_voice","message":"No such voice"}',
    ],
)
def test_an_error_of_the_service_is_told_and_the_call_goes_on(message: bytes) -> None:
    line = Line()
    (problem,) = of(Problem, line.hears(message))
    assert isinstance(problem.error, RequestError) and problem.error.code == "unknown_voice"
    assert line.client.failure is None


@pytest.mark.parametrize("message", [b'\x01{"detail":"unknown voice"}', b'\x03{"error":"unknown voice"}'])
def test_a_failure_without_an_event_is_an_error_as_well(message: bytes) -> None:
    (problem,) = of(Problem, Line().hears(message))
    assert isinstance(problem.error, ServiceError) and "unknown voice" in str(problem.error)


def test_an_error_without_words_is_still_one() -> None:
    assert "reported an error" in problems(Line().hears(event("error")))[0]


def test_what_is_not_the_protocol_is_told_of_a_few_times_and_harms_nothing() -> None:
    line = Line()
    bad: list[str | bytes] = ["text", b"", b"\x07", b"\x01\x00", b"\x02\xff", b"\x03[]", b"\x03{}"]
    assert len(problems(line.hears(*bad))) == 5
    assert line.hears(event("transcript", role="robot", text="Hi")) == []
    assert line.client.failure is None
    assert of(ReplyAudio, line.hears(sound(0.1)))
    assert line.hears(b"\x01") == []


def test_an_address_that_speaks_openais_events_is_named_as_such() -> None:
    line = Line(greet=False)
    line.hears('{"type":"session.created","session":{}}')
    assert isinstance(line.client.failure, ProtocolError) and line.client.failure.code == "openai_realtime"


@pytest.mark.parametrize("name", ["session_end", "session_ending"])
def test_the_end_of_the_call_ends_what_is_open(name: str) -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Bye", final=False), caller("Bye"))
    assert line.hears(event(name)) == [
        CallerTranscript("Bye", "c1", final=True),
        ReplyText("r1", "Bye", "Bye", True),
        ReplyEnded("r1", "Bye", 1.0),
    ]
    assert line.client.ended
    assert line.client.lost(line.now) == []


def test_closing_is_said() -> None:
    line = Line()
    line.client.close()
    assert line.sent() == [{"type": "session_ending"}]


# A lost connection


def test_a_lost_connection_ends_what_is_open_and_voids_the_tool_calls() -> None:
    line = Line(tools=(LOOKUP,))
    line.hears(event("turn_begin", turn=4), sound(1.0), said("Let me see"), caller("Wait"), called())
    assert line.client.lost(line.now) == [
        CallerTranscript("Wait", "c1", final=True),
        ReplyEnded("r1", "Let me see", 1.0, interrupted=True),
        ToolCallClosed("tc_1", "disconnected"),
    ]
    line.client.open(line.now)
    line.sent()
    line.client.answer("tc_1", {})
    assert line.sent() == []
    assert line.hears(hello(), event("turn_begin", turn=1), called()) == [
        CallStarted("call_1", 24000),
        AgentTurnBegan(1),
        ToolCalled("tc_1", "lookup_order", {"order_id": "9"}, 4.5),
    ]


def test_a_new_connection_is_told_what_was_said_and_does_not_greet() -> None:
    line = Line(persona="You sell tea.", greeting="Hello")
    line.hears(event("turn_begin", turn=1), said("Hello"), caller("Green tea"), event("turn_begin", turn=2))
    line.hears(said("Two cups of green tea"), event("flush"), event("assistant_interrupted", reply="Two cups"))
    line.client.lost(line.now)
    line.client.open(line.now)
    (configure,) = line.sent()
    assert configure["greeting"] == ""
    assert configure["persona"].startswith("You sell tea.\n")
    assert configure["persona"].endswith("\nYou: Hello\nCaller: Green tea\nYou: Two cups -")
    line.hears(hello(), event("configured", greeting=False))
    assert line.client.failure is None
    line.client.update(line.client.options.replace(voice="onyx"), line.now)
    assert line.sent()[0]["persona"] == configure["persona"]


def test_an_interrupted_greeting_is_remembered_as_far_as_it_was_spoken_and_nothing_means_a_new_start() -> None:
    line = Line(persona="You sell tea.", greeting="Hello")
    line.client.lost(line.now)
    line.client.open(line.now)
    assert line.sent() == [{"type": "configure", "persona": "You sell tea.", "greeting": "Hello"}]


def test_without_reseed_a_new_connection_is_a_new_call() -> None:
    line = Line(persona="You sell tea.", reseed=False)
    line.hears(caller("Hi"), event("turn_begin", turn=1))
    line.client.lost(line.now)
    line.client.open(line.now)
    assert line.sent() == [{"type": "configure", "persona": "You sell tea."}]


def test_what_was_said_never_makes_the_persona_too_long() -> None:
    line = Line(persona="x" * 31_000)
    for at in range(300):
        line.hears(caller(f"utterance {at} " + "y" * 50), event("turn_begin", turn=at), after=0.2)
    line.client.lost(line.now)
    line.client.open(line.now)
    persona = line.sent()[0]["persona"]
    assert 31_000 < len(persona) <= 32_000
    assert "utterance 299" in persona and "utterance 100 " not in persona
    full = Line(persona="x" * 32_000)
    full.hears(caller("Hi"), event("turn_begin", turn=1))
    full.client.lost(full.now)
    full.client.open(full.now)
    assert full.sent()[0]["persona"] == "x" * 32_000


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just({}))
EVENTS = st.builds(
    lambda name, fields: b"\x03" + json.dumps({**fields, **({"event": name} if name else {})}).encode(),
    st.sampled_from(
        "hello session_started configured config_ack turn turn_begin transcript flush barge_in assistant_interrupted "
        "tool_call session_end error audio_position transfer_to_human kb_query collect play_hold dtmf mood".split()
    )
    | st.none(),
    st.dictionaries(
        st.sampled_from(
            "call_id audio_out tools voice_id role text final reply reason turn name arguments function type code "
            "message error detail since_caller_end_ms endpointing_ms sent_ms top_ids seconds ignored sequence".split()
        ),
        VALUES,
    ),
)


@given(st.lists(st.one_of(st.text(), st.binary(), EVENTS)))
def test_no_message_makes_it_raise(messages: list[str | bytes]) -> None:
    line = Line(tools=(LOOKUP,), voice="onyx")
    line.hears(*messages)
    line.waits(6.0)
    line.client.lost(line.now)
    line.client.open(line.now)
    line.client.data_to_send()
