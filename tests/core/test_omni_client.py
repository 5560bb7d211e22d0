"""The client machine of Omni, message by message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.errors import (
    ConfigurationError,
    ProtocolError,
    RequestError,
    ServiceError,
    StalledError,
)
from pyai_voice.events import Problem
from pyai_voice.omni_events import (
    AgentTurnBegan,
    AudioPosition,
    CallerTranscript,
    CallStarted,
    CollectRequested,
    Configured,
    DigitHeard,
    DigitsRequested,
    HangUpRequested,
    HoldRequested,
    IdlePrompt,
    Interrupted,
    KnowledgeQueried,
    OmniEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ReplyTruncated,
    ServiceEvent,
    ToolCallClosed,
    ToolCalled,
    TransferRequested,
)
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.protocol.omni.client import OmniClient
from pyai_voice.protocol.omni.wire import control_message
from tests.core.omni import LOOKUP, SECOND, Line, called, caller, event, hello, of, said, sound


def problems(events: list[OmniEvent]) -> list[str]:
    return [str(each.error) for each in of(Problem, events)]


# Opening and configuring


@pytest.mark.conforms("O-01")
def test_the_first_message_is_a_configure_keyed_on_type_with_what_is_set_and_nothing_else() -> None:
    client = OmniClient(OmniOptions(persona="You sell tea", voice="onyx", greeting="", tools=(LOOKUP,), seed=7))
    client.open(0.0)
    messages = client.data_to_send()
    assert [message[0] for message in messages] == [0x03]
    assert json.loads(messages[0][1:]) == {
        "type": "configure",
        "persona": "You sell tea",
        "voice_id": "onyx",
        "greeting": "",
        "tools": [
            {
                "name": "lookup_order",
                "description": "Find an order",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "seed": 7,
    }
    assert client.data_to_send() == []


def test_older_engines_get_both_keys_on_request() -> None:
    assert Line(greet=False, both_keys=True).first == [{"type": "configure", "event": "configure"}]


def test_a_profile_is_used_as_it_is_and_nothing_is_configured() -> None:
    line = Line(greet=False, session_label="agent_7f3a0b12", configure=False, tools=(LOOKUP,))
    assert line.first == []
    line.hears(hello())
    line.waits(6.0)
    assert line.client.failure is None
    assert of(ToolCalled, line.hears(called()))


def test_the_call_starts_with_its_id_and_the_rate_of_its_audio() -> None:
    line = Line(greet=False)
    assert line.hears(hello()) == [CallStarted("call_1", 24000)]
    assert line.client.call_id == "call_1"
    assert line.hears(event("session_started", call_id="call_1", audio_out="pcm16@24000")) == []


@pytest.mark.conforms("O-06")
def test_audio_before_the_rate_is_announced_waits_for_it() -> None:
    line = Line(greet=False)
    assert line.hears(sound(0.5), sound(0.5)) == []
    line.hears(event("hello", call_id="call_1"))
    started, reply, audio = line.hears(event("session_started", audio_out="pcm16@8000"))
    assert started == CallStarted("call_1", 8000)
    assert isinstance(reply, ReplyStarted)
    assert audio == ReplyAudio(reply.reply, SECOND, 8000)


@pytest.mark.conforms("O-06")
@pytest.mark.parametrize("announced", ["pcm16@48000", "opus@24000", 24000, None])
def test_an_announcement_that_is_not_known_ends_the_connection(announced: object) -> None:
    line = Line(greet=False)
    line.hears(event("hello", audio_out=announced))
    assert isinstance(line.client.failure, ProtocolError)


@pytest.mark.conforms("O-06")
def test_audio_whose_rate_is_never_announced_ends_the_connection() -> None:
    line = Line(greet=False)
    line.hears(event("configured"), *[sound(1.0)] * 21)
    assert isinstance(line.client.failure, ProtocolError)
    line = Line(greet=False)
    line.hears(event("configured"))
    line.waits(5.1)
    assert isinstance(line.client.failure, ProtocolError)


def test_a_contradiction_about_the_rate_is_told_and_the_newest_word_counts() -> None:
    line = Line(greet=False)
    line.hears(hello())
    assert "24000 and now at 8000" in problems(line.hears(event("configured", audio_out="pcm16@8000")))[0]
    assert of(ReplyAudio, line.hears(sound(0.1)))[0].rate == 8000


def test_what_the_service_confirms_is_told() -> None:
    line = Line(greet=False, voice="onyx", greeting="Hello", tools=(LOOKUP,), kb_endpoint="https://kb.example/q")
    line.hears(hello())
    told = line.hears(
        event(
            "configured",
            voice_id="Onyx",
            language="en",
            language_active="de",
            greeting=True,
            kb=True,
            tools=1,
            endpointing_ms=450,
        )
    )
    assert told == [Configured("Onyx", "de", greeting=True, tools=1, knowledge=True, endpointing=0.45)]
    assert line.client.failure is None and line.client.confirmed


def test_a_confirmation_under_its_other_name_and_without_details_is_as_good() -> None:
    line = Line(greet=False, voice="onyx", tools=(LOOKUP,))
    line.hears(hello())
    assert line.hears(event("config_ack", honored=["voice_id"], ignored=[], tools=[{}])) == [Configured(tools=1)]
    assert line.client.failure is None
    line.waits(10)
    assert line.client.failure is None


@pytest.mark.conforms("O-09")
@pytest.mark.parametrize(
    ("asked", "confirmed", "complaint"),
    [
        ({"voice": "onyx"}, {"voice_id": "echo"}, "voice onyx (echo is used)"),
        ({"tools": (LOOKUP,)}, {"tools": 0}, "1 tools (0 are there)"),
        ({"greeting": "Hello"}, {"greeting": False}, "the greeting"),
        ({"greeting": ""}, {"greeting": True}, "it greets, though none was wanted"),
        ({"kb_endpoint": "https://kb.example/q"}, {"kb": False}, "the knowledge base"),
        ({"language": "hi"}, {"language_fallback": True, "language_active": "en"}, "language hi (en is used)"),
        ({"language": "hi"}, {"language_fallback": True}, "language hi (another is used)"),
        ({"consent_line": "This call is recorded"}, {"ignored": ["consent_line", "voice_id", 3]}, "consent_line"),
    ],
)
def test_a_confirmation_of_something_else_says_what_was_dropped(
    asked: dict[str, Any], confirmed: dict[str, Any], complaint: str
) -> None:
    line = Line(greet=False, **asked)
    line.hears(hello(), event("configured", **confirmed))
    assert isinstance(line.client.failure, RequestError)
    assert complaint in str(line.client.failure) and line.client.failure.code == "configure_mismatch"
    line = Line(greet=False, on_mismatch="report", **asked)
    assert complaint in problems(line.hears(hello(), event("configured", **confirmed)))[0]
    assert line.client.failure is None


@pytest.mark.conforms("O-09")
def test_without_a_confirmation_in_time_the_connection_fails_and_says_what_may_be_dropped() -> None:
    line = Line(greet=False, persona="secret words", tools=(LOOKUP,), voice="onyx")
    line.hears(hello(), sound(1.0))
    line.waits(4.9)
    assert line.client.failure is None
    line.waits(0.2)
    failure = line.client.failure
    assert isinstance(failure, StalledError) and not failure.retryable
    assert "voice_id, persona, 1 tools" in str(failure) and "secret" not in str(failure)


def test_a_service_that_confirmed_before_may_be_asked_again() -> None:
    line = Line()
    line.client.lost(line.now)
    line.client.open(line.now)
    line.waits(5.1)
    assert line.client.failure is not None and line.client.failure.retryable


@pytest.mark.conforms("O-10")
def test_a_greeting_is_taken_before_the_confirmation() -> None:
    line = Line(greet=False, greeting="Hello")
    events = line.hears(hello(), sound(0.2), said("Hello"), event("configured", greeting=True))
    assert [type(each) for each in events] == [CallStarted, ReplyStarted, ReplyAudio, ReplyText, Configured]


def test_a_change_of_the_agent_sends_a_second_whole_configure() -> None:
    line = Line(persona="A", voice="onyx")
    line.client.update(line.client.options.replace(persona="B"), line.now)
    assert line.sent() == [{"type": "configure", "voice_id": "onyx", "persona": "B"}]
    assert "voice onyx" in problems(line.hears(event("configured", voice_id="echo")))[0]
    assert line.client.failure is None
    assert line.hears(event("configured")) == [Configured()]  # one more than was asked for


def test_a_change_that_is_not_confirmed_is_told_and_the_call_goes_on() -> None:
    line = Line()
    line.client.update(line.client.options.replace(persona="B", reply_quiet=1.0), line.now)
    line.sent()
    assert "not confirm" in problems(line.waits(5.1))[0]
    assert line.client.failure is None
    line.client.update(line.client.options.replace(tool_timeout=1.0), line.now)
    assert line.sent() == []


# The agent speaks


def test_a_reply_ends_when_it_has_been_played_and_nothing_more_came() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Good morning."))
    assert line.waits(1.30) == []
    assert line.waits(0.10) == [ReplyEnded("r1", "Good morning.", 1.0)]


def test_a_pause_between_sentences_that_is_shorter_than_their_sound_does_not_end_the_reply() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(2.0), said("One."))
    line.hears(sound(1.0), said("Two."), after=1.5)
    assert line.waits(1.8) == []
    assert line.waits(0.2) == [ReplyEnded("r1", "One. Two.", 3.0)]


def test_words_after_the_sound_keep_the_reply_open() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(0.1))
    line.hears(said("Late"), after=0.4)
    assert of(ReplyEnded, line.waits(0.3)) == []
    assert of(ReplyEnded, line.waits(0.1)) == [ReplyEnded("r1", "Late", 0.1)]


def test_the_callers_words_end_a_reply_that_has_been_played() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0))
    assert of(ReplyEnded, line.hears(caller("No"), after=0.5)) == []
    assert line.hears(caller(" thanks"), after=0.6)[0] == ReplyEnded("r1", "", 1.0)


def test_segments_replace_themselves_until_they_are_final() -> None:
    line = Line()
    events = line.hears(
        event("turn_begin", turn=1),
        said("Good", final=False),
        said("Good morning.", final=False),
        said("Good morning!"),
        said("How are", final=False),
    )
    assert [(each.text, each.segment, each.final) for each in of(ReplyText, events)] == [
        ("Good", "Good", False),
        ("Good morning.", "Good morning.", False),
        ("Good morning!", "Good morning!", True),
        ("Good morning! How are", "How are", False),
    ]
    assert line.waits(0.4) == [
        ReplyText("r1", "Good morning! How are", "How are", True),
        ReplyEnded("r1", "Good morning! How are", 0.0),
    ]


def test_the_agents_words_may_come_as_deltas_in_the_older_shape() -> None:
    line = Line()
    old = [
        b'\x02{"role":"assistant","delta":"%s","sequence":%d}' % (each, at) for at, each in enumerate([b"Yes", b" sir"])
    ]
    assert [each.text for each in of(ReplyText, line.hears(*old))] == ["Yes", "Yes sir"]
    assert line.hears(old[0]) == []  # older than what is known
    assert line.hears(b'\x02{"role":"assistant","text":"  "}') == []


def test_a_new_turn_ends_the_reply_before_it_tells_the_words_it_answers() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Tea?"), caller("Yes"), caller(" please"))
    assert line.hears(event("turn_begin", turn=2, since_caller_end_ms=420)) == [
        ReplyEnded("r1", "Tea?", 1.0),
        CallerTranscript("Yes please", "c1", final=True),
        AgentTurnBegan(2, 0.42),
    ]


def test_both_names_of_one_turn_are_one_turn() -> None:
    line = Line()
    assert line.hears(event("turn", role="assistant"), event("turn_begin", turn=1)) == [AgentTurnBegan()]
    assert line.hears(event("turn_begin", turn=1), event("turn", role="assistant")) == []
    assert line.hears(sound(0.1), event("turn_begin", turn=2))[-1] == AgentTurnBegan(2)


def test_the_callers_turn_is_not_the_agents() -> None:
    assert Line().hears(event("turn", role="user")) == [ServiceEvent("turn", {"event": "turn", "role": "user"})]


# Interruption


@pytest.mark.conforms("O-08")
@pytest.mark.parametrize("signals", [["flush"], ["barge_in"], ["flush", "barge_in"], ["barge_in", "flush", "flush"]])
def test_a_flush_is_one_interruption_and_nothing_of_the_turn_comes_after_it(signals: list[str]) -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Once upon a time"))
    assert line.hears(*[event(signal, reason="energy") for signal in signals]) == [
        Interrupted("r1", "energy"),
        ReplyEnded("r1", "Once upon a time", 1.0, interrupted=True),
    ]
    assert line.hears(sound(1.0), said("there was"), event("turn_begin", turn=1), sound(1.0)) == []
    assert line.waits(2.0) == []
    assert line.hears(event("turn_begin", turn=2), sound(0.5)) == [
        AgentTurnBegan(2),
        ReplyStarted("r2"),
        ReplyAudio("r2", SECOND[:24_000], 24000),
    ]


@pytest.mark.conforms("O-08")
def test_a_flush_counts_also_when_no_reply_is_open_any_more() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(0.5))
    line.waits(1.0)
    assert line.hears(event("flush")) == [Interrupted("", "flush")]
    assert line.hears(sound(0.5)) == []


def test_a_turn_that_is_interrupted_before_its_first_sound_stays_silent() -> None:
    line = Line()
    assert line.hears(event("turn_begin", turn=1), event("flush"), sound(1.0)) == [
        AgentTurnBegan(1),
        Interrupted("", "flush"),
    ]


def test_a_service_that_marks_no_turns_is_heard_again_after_the_caller_spoke_and_a_pause() -> None:
    line = Line()
    line.hears(sound(1.0), event("flush"))
    assert line.hears(sound(0.1), after=5.0) == []
    assert of(CallerTranscript, line.hears(caller("Stop")))
    assert line.hears(sound(0.1), after=0.5) == []
    assert of(ReplyAudio, line.hears(sound(0.1), after=1.1))


@pytest.mark.conforms("O-15")
def test_a_reply_is_cut_to_what_was_spoken() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0), said("Once upon a time there was"), event("flush"))
    told = line.hears(event("assistant_interrupted", call_id="call_1", reply="Once upon"))
    assert told == [ReplyTruncated("r1", "Once upon")]


@pytest.mark.conforms("O-15")
@pytest.mark.parametrize("spoken", ["Twice upon", "", "Once upon a time, and more", None, "x" * 500])
def test_a_reply_is_not_cut_to_what_it_does_not_begin_with(spoken: str | None) -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), said("Once upon a time" if spoken != "x" * 500 else "x" * 600))
    told = line.hears(event("assistant_interrupted", reply=spoken), event("flush"))
    assert [type(each) for each in told] == [Interrupted, ReplyEnded]


def test_our_own_interruption_drops_the_turn_without_a_word_to_the_service() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0))
    assert line.client.interrupt(line.now)[0] == Interrupted("r1", "client")
    assert line.client.interrupt(line.now) == []
    assert line.sent() == []
    assert line.hears(sound(1.0), event("flush")) == []


# The caller speaks


def test_the_callers_words_grow_and_are_final_once() -> None:
    line = Line()
    assert line.hears(caller(" "), caller("Hi"), caller(" Eva")) == [
        CallerTranscript("Hi", "c1"),
        CallerTranscript("Hi Eva", "c1"),
    ]
    assert line.hears(event("turn_begin", turn=1)) == [
        CallerTranscript("Hi Eva", "c1", final=True),
        AgentTurnBegan(1),
    ]
    assert line.hears(caller("Next"), after=1.0) == [CallerTranscript("Next", "c2")]


def test_words_right_after_the_agents_turn_began_are_the_tail_of_the_utterance() -> None:
    line = Line()
    line.hears(caller("Hi"), event("turn_begin", turn=1))
    assert line.hears(caller(" Eva"), after=0.1) == [CallerTranscript("Hi Eva", "c1", final=True, amended=True)]
    assert line.hears(caller("So"), after=0.1) == [CallerTranscript("So", "c2")]


def test_blank_words_are_no_utterance() -> None:
    line = Line()
    assert line.hears(caller("  "), event("turn_begin", turn=1)) == [AgentTurnBegan(1)]


def test_the_older_shape_replaces_and_says_itself_what_is_final() -> None:
    line = Line()
    assert line.hears(
        b'\x02{"role":"user","text":"Hi"}',
        b'\x02{"role":"user","text":"Hi Eva","final":true}',
        b'\x02{"role":"user","text":"And","final":false}',
    ) == [
        CallerTranscript("Hi", "c1"),
        CallerTranscript("Hi Eva", "c1", final=True),
        CallerTranscript("And", "c2"),
    ]


def test_the_callers_words_among_the_events_are_taken_as_well() -> None:
    assert Line().hears(event("transcript", role="user", text="Hi", final=True)) == [
        CallerTranscript("Hi", "c1", final=True)
    ]


# Tools


@pytest.mark.conforms("O-11")
def test_a_tool_call_is_answered_once() -> None:
    line = Line(tools=(LOOKUP,))
    assert line.hears(called()) == [ToolCalled("tc_1", "lookup_order", {"order_id": "9"}, 4.5)]
    assert line.hears(called()) == []  # sent twice
    assert line.client.answer("tc_1", {"status": "shipped"}) == []
    assert line.sent() == [{"type": "tool_result", "call_id": "tc_1", "result": {"status": "shipped"}}]
    line.client.answer("tc_1", {})
    line.client.fail("tc_1", "late")
    line.client.answer("tc_2", {})
    assert line.hears(called()) == line.waits(10) == line.sent() == []


@pytest.mark.conforms("O-11")
def test_a_tool_call_that_fails_is_answered_with_the_error() -> None:
    line = Line(tools=(LOOKUP,))
    line.hears(called())
    line.client.fail("tc_1", "not found")
    assert line.sent() == [{"type": "tool_result", "call_id": "tc_1", "error": "not found"}]


@pytest.mark.conforms("O-11")
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": "unknown"}, "there is no tool unknown"),
        ({"name": ""}, "the call names no tool"),
        ({"name": 5}, "the call names no tool"),
        ({"arguments": "[1]"}, "the arguments are no JSON object"),
        ({"arguments": "{"}, "the arguments are no JSON object"),
        ({"arguments": 3}, "the arguments are no JSON object"),
    ],
)
def test_a_tool_call_that_cannot_be_carried_out_is_answered_at_once(fields: dict[str, Any], error: str) -> None:
    line = Line(tools=(LOOKUP,))
    assert error in problems(line.hears(event("tool_call", **{"call_id": "tc_1", "name": "lookup_order", **fields})))[0]
    assert line.sent() == [{"type": "tool_result", "call_id": "tc_1", "error": error}]


@pytest.mark.conforms("O-11")
def test_a_tool_call_whose_time_is_up_is_answered_for_it() -> None:
    line = Line(tools=(LOOKUP, Tool(name="slow", timeout=9.0)))
    line.hears(called(), called("tc_2", "slow"), event("flush"))  # an interruption changes nothing
    assert line.waits(4.4) == []
    assert line.waits(0.2) == [ToolCallClosed("tc_1", "timeout")]
    assert line.sent() == [{"type": "tool_result", "call_id": "tc_1", "error": "the tool did not answer in time"}]
    line.client.answer("tc_1", "late")
    assert line.sent() == []
    assert line.waits(5.0) == [ToolCallClosed("tc_2", "timeout")]


@pytest.mark.parametrize(
    "fields",
    [
        {"tool": "lookup_order", "args": {"order_id": "9"}},
        {"function": {"name": "lookup_order", "arguments": '{"order_id":"9"}'}},
        {"name": "lookup_order", "arguments": '{"order_id":"9"}'},
    ],
)
def test_a_tool_call_is_read_in_each_of_its_spellings(fields: dict[str, Any]) -> None:
    line = Line(tools=(LOOKUP,))
    assert line.hears(event("tool_call", call_id="tc_1", **fields)) == [
        ToolCalled("tc_1", "lookup_order", {"order_id": "9"}, 4.5)
    ]


@pytest.mark.parametrize("arguments", [{}, {"arguments": None}, {"arguments": ""}, {"arguments": {}}])
def test_a_tool_call_without_arguments_has_none(arguments: dict[str, Any]) -> None:
    line = Line(tools=(LOOKUP,))
    (call,) = of(ToolCalled, line.hears(event("tool_call", call_id="tc_1", name="lookup_order", **arguments)))
    assert call.arguments == {}


def test_a_result_that_is_too_large_is_cut_and_told_of() -> None:
    line = Line(tools=(LOOKUP,))
    line.hears(called())
    assert "9002 bytes" in problems(line.client.answer("tc_1", "é" * 4500))[0]
    message = line.client.data_to_send()[0]
    assert len(message) < 6_100
    assert json.loads(message[1:])["result"].endswith("(cut: 9002 bytes are more than 6000)")


@pytest.mark.parametrize("result", [object(), float("nan"), {1, 2}])
def test_a_result_that_is_not_json_is_answered_as_an_error_and_told_of(result: object) -> None:
    line = Line(tools=(LOOKUP,))
    line.hears(called())
    assert "is not JSON" in problems(line.client.answer("tc_1", result))[0]
    assert "cannot be written as JSON" in line.sent()[0]["error"]


def test_more_calls_at_once_than_are_answered_are_refused() -> None:
    line = Line(tools=(LOOKUP,))
    line.hears(*[called(f"tc_{at}") for at in range(32)])
    assert "at once" in problems(line.hears(called("tc_32")))[0]
    assert line.sent() == [{"type": "tool_result", "call_id": "tc_32", "error": "too many calls at once"}]


def test_the_ledger_remembers_a_bounded_number_of_calls_and_every_pending_one() -> None:
    line = Line(tools=(LOOKUP,))
    line.hears(called("first"))
    for at in range(1_100):
        line.hears(called(f"tc_{at}"))
        line.client.answer(f"tc_{at}", at)
    assert line.hears(called("first"), called("tc_1099")) == []
    assert of(ToolCalled, line.hears(called("tc_0")))  # forgotten by now


def test_a_tool_call_without_an_id_cannot_be_answered_and_is_told_of() -> None:
    assert "without an id" in problems(Line().hears(event("tool_call", name="lookup_order")))[0]


@pytest.mark.conforms("O-13")
def test_the_id_of_a_tool_call_is_not_the_calls() -> None:
    line = Line(tools=(LOOKUP,))
    line.hears(called("tc_1"))
    assert line.client.call_id == "call_1"


# Call control and what else is told


@pytest.mark.conforms("O-12")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"event": "transfer_to_human", "destination": "+15550100", "call_id": "tc_1"},
            TransferRequested(
                "+15550100", {"event": "transfer_to_human", "destination": "+15550100", "call_id": "tc_1"}
            ),
        ),
        (
            {"event": "transfer_to_human", "to": "sales"},
            TransferRequested("sales", {"event": "transfer_to_human", "to": "sales"}),
        ),
        ({"event": "send_dtmf", "digits": "12#"}, DigitsRequested("12#")),
        ({"event": "play_hold", "seconds": 8}, HoldRequested(8.0)),
        ({"event": "collect", "field": "card", "kind": "dtmf"}, CollectRequested("card", "dtmf")),
        ({"event": "end_call", "reason": "goodbye"}, HangUpRequested("goodbye")),
    ],
)
def test_call_control_is_told_and_never_answered(fields: dict[str, Any], expected: OmniEvent) -> None:
    line = Line()
    assert line.hears(control_message(fields)) == [expected]
    assert line.waits(10) == line.sent() == []


@pytest.mark.conforms("O-14")
@pytest.mark.parametrize("key", ["event", "type"])
def test_the_position_of_the_audio_is_read_under_both_keys(key: str) -> None:
    message = control_message({key: "audio_position", "sent_ms": 1500, "realtime_ms": 1200})
    assert Line().hears(message) == [AudioPosition(1.5, 1.2)]


@pytest.mark.conforms("O-14")
def test_any_other_event_keyed_on_type_is_unknown() -> None:
    line = Line()
    line.hears(event("turn_begin", turn=1), sound(1.0))
    assert line.hears(b'\x03{"type":"flush"}') == [ServiceEvent("flush", {"type": "flush"})]
    assert of(ReplyAudio, line.hears(sound(1.0)))


@pytest.mark.conforms("O-04")
def test_event_is_read_before_type_and_what_is_not_known_is_passed_on() -> None:
    line = Line()
    assert line.hears(b'\x03{"type":"flush","event":"idle_prompt"}') == [IdlePrompt()]
    assert line.hears(event("mood", value=3)) == [ServiceEvent("mood", {"event": "mood", "value": 3})]


def test_what_the_service_tells_besides_is_passed_on() -> None:
    line = Line()
    assert line.hears(
        event("dtmf", digit="5"),
        event("kb_query", none=True, reason="no_kb"),
        event("kb_query", top_ids=["a", 3, "b"]),
        event("audio_position"),
    ) == [
        DigitHeard("5"),
        KnowledgeQueried(found=False, reason="no_kb"),
        KnowledgeQueried(found=True, passages=("a", "b")),
        AudioPosition(),
    ]


def test_touch_tones_are_sent_one_by_one_in_both_spellings() -> None:
    line = Line()
    line.client.press("1a#")
    assert line.sent() == [{"type": "dtmf", "digit": digit, "digits": digit} for digit in "1A#"]
    with pytest.raises(ConfigurationError, match="digits"):
        line.client.press("1 2")


def tones(line: Line) -> str:
    """Return the touch tones that are sent now."""
    return "".join(each["digit"] for each in line.sent() if each["type"] == "dtmf")


def test_touch_tones_wait_until_the_call_has_begun_and_its_agent_is_configured() -> None:
    line = Line(greet=False)
    line.client.press("1" * 64)
    line.client.press("23")
    line.client.open(line.now)  # dialled, at last
    assert not tones(line)
    line.hears(hello())
    assert not tones(line)
    line.hears(event("configured", tools=0))
    assert tones(line) == "1" * 62 + "23"
    line.client.update(OmniOptions(persona="B"), line.now)
    line.client.press("4")
    assert tones(line) == "4"


def test_touch_tones_that_are_pressed_in_an_outage_are_for_the_next_call() -> None:
    line = Line()
    line.client.lost(line.now)
    line.client.press("5#")
    line.client.open(line.now)
    assert not tones(line)
    line.hears(hello(), event("configured", tools=0))
    assert tones(line) == "5#"


def test_a_profile_hears_touch_tones_as_soon_as_the_call_has_begun() -> None:
    line = Line(greet=False, configure=False, session_label="desk")
    line.client.press("9")
    assert not tones(line)
    line.hears(hello())
    assert tones(line) == "9"


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
