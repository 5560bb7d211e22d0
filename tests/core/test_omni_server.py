"""The server machine of Omni, message by message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.errors import RequestError
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.protocol.omni.request import OmniRequest, read_request
from pyai_voice.protocol.omni.server import (
    CallerAudio,
    Configure,
    Dialect,
    Digits,
    HangUp,
    OmniCall,
    OmniServer,
    ToolAnswered,
)
from pyai_voice.protocol.omni.wire import control_message


class Call:
    """A server whose call is open, and a clock."""

    def __init__(self, dialect: Dialect | None = None, rate: int = 16000) -> None:
        self.server = OmniServer(OmniRequest(rate, "tea"), "call_1", dialect=dialect)
        self.now = 50.0
        self.server.open()
        self.opening = self.sent()

    def hears(self, *messages: str | bytes | dict[str, Any]) -> list[OmniCall]:
        coded = [control_message(each) if isinstance(each, dict) else each for each in messages]
        return [call for message in coded for call in self.server.receive(message, self.now)]

    def sent(self) -> list[Any]:
        """Return what was sent: events as objects, words as text, audio as bytes."""
        return [_read(message) for message in self.server.data_to_send()]


def _read(message: bytes) -> Any:
    match message[0]:
        case 0x01:
            return message[1:]
        case 0x02:
            return message[1:].decode()
        case _:
            return json.loads(message[1:])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, OmniRequest(24000, "")),
        ({"format": "pcm16", "rate": "8000", "session_label": "tea"}, OmniRequest(8000, "tea")),
        ({"agent_id": "agent_1"}, OmniRequest(24000, "agent_1")),
        ({"agent": "agent_2"}, OmniRequest(24000, "agent_2")),
        ({"agent": "a", "agent_id": "b", "session_label": "c", "unknown": "x"}, OmniRequest(24000, "c")),
    ],
)
def test_an_address_is_read_with_the_old_names_of_the_label(query: dict[str, str], expected: OmniRequest) -> None:
    assert read_request(query) == expected


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"format": "opus"}, "unsupported_format"),
        ({"rate": "44100"}, "unsupported_parameter"),
        ({"rate": "fast"}, "unsupported_parameter"),
        ({"session_label": "x" * 257}, "invalid_session_label"),
        ({"session_label": "a\x00"}, "invalid_session_label"),
        ({"agent_id": "a\n"}, "invalid_agent_id"),
    ],
)
def test_an_address_that_cannot_be_honoured_is_refused_by_name(query: dict[str, str], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_request(query)
    assert caught.value.code == code and next(iter(query)) in str(caught.value)


@pytest.mark.parametrize(("rate", "output"), [(8000, 8000), (16000, 24000), (24000, 24000)])
def test_the_agents_rate_follows_the_callers(rate: int, output: int) -> None:
    assert OmniRequest(rate).output_rate == output
    hello, _ = Call(rate=rate).opening
    assert (hello["audio_in"], hello["audio_out"]) == (f"pcm16@{rate}", f"pcm16@{output}")


@pytest.mark.conforms("O-19")
def test_hello_comes_first_and_every_configure_is_confirmed_once() -> None:
    call = Call()
    assert [each["event"] for each in call.opening] == ["hello", "session_started"]
    assert {each["call_id"] for each in call.opening} == {"call_1"}
    (configure,) = call.hears({"type": "configure", "persona": "You sell tea", "voice_id": "onyx", "language": "hi-IN"})
    assert configure == Configure(OmniOptions(persona="You sell tea", voice="onyx", language="hi-IN"))
    for _ in range(2):
        call.server.confirm(voice="onyx", language="en", greeting=False, knowledge=False, tools=0, voice_tier="free")
    assert call.sent() == [
        {
            "event": "configured",
            "voice_id": "onyx",
            "language": "hi-IN",
            "language_active": "en",
            "language_fallback": True,
            "greeting": False,
            "kb": False,
            "tools": 0,
            "voice_tier": "free",
            "audio_out": "pcm16@24000",
        }
    ]


def test_a_second_configure_changes_what_it_names() -> None:
    call = Call()
    call.hears({"type": "configure", "persona": "A", "tools": [{"name": "a"}], "barge_sensitivity": "low"})
    (configure,) = call.hears({"type": "configure", "caller_key": "+15550100"})
    assert isinstance(configure, Configure)
    assert configure.agent == OmniOptions(
        persona="A", tools=(Tool(name="a"),), caller_key="+15550100", extra={"barge_sensitivity": "low"}
    )


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"persona": "x" * 32_001}, "persona"),
        ({"persona": ["x"]}, "persona"),
        ({"greeting": "x" * 1_001}, "greeting"),
        ({"kb_endpoint": "http://10.0.0.1/"}, "kb_endpoint"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": {"name": "a"}}, "tools: expected a list"),
        ({"tools": ["a"]}, "tools.0: expected an object"),
        ({"tools": [{"name": "a b"}]}, "tools.0: name"),
        ({"tools": [{"name": "a", "parameters": {"type": "array"}}]}, "tools.0: parameters"),
        ({"tools": [{"name": "a"}, {"name": "a"}]}, "tools.1: another tool has the name a"),
        ({"tools": [{"name": f"t{at}"} for at in range(129)]}, "129 are more than 128"),
    ],
)
def test_a_wrong_field_is_one_error_that_names_it_and_the_rest_counts(fields: dict[str, Any], complaint: str) -> None:
    call = Call()
    (configure,) = call.hears({"type": "configure", "voice_id": "onyx", **fields})
    assert isinstance(configure, Configure) and configure.agent.voice == "onyx"
    (error,) = call.sent()
    assert (error["event"], error["code"]) == ("error", "invalid_request") and complaint in error["message"]


def test_tools_are_read_under_both_names_of_their_schema_and_with_their_time() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    (configure,) = Call().hears(
        {
            "type": "configure",
            "tools": [
                {"name": "a", "parameters": schema, "new": 1},
                {"name": "b", "input_schema": schema, "timeout_ms": 1500},
            ],
        }
    )
    assert isinstance(configure, Configure)
    assert configure.agent.tools == (Tool(name="a", parameters=schema), Tool(name="b", parameters=schema, timeout=1.5))


def test_a_configure_keyed_on_event_changes_nothing_and_is_told_so() -> None:
    call = Call()
    assert call.hears({"event": "configure", "persona": "A", "tools": [{"name": "a"}]}) == []
    confirmed, warning = call.sent()
    assert (confirmed["event"], confirmed["tools"]) == ("configured", 0)
    assert (warning["event"], warning["code"]) == ("warning", "client_used_event_key")
    assert call.hears({"event": "dtmf", "digits": "5"}) == []
    assert [each["event"] for each in call.sent()] == ["warning"]
    assert call.hears({"event": "configure", "type": "dtmf", "digit": "5"}) == [Digits("5")]


def test_an_older_engine_takes_the_event_key() -> None:
    call = Call(Dialect(takes_event_key=True, confirmation="config_ack"))
    (configure,) = call.hears({"event": "configure", "persona": "A", "colour": "red"})
    assert configure == Configure(OmniOptions(persona="A"))
    call.server.confirm(voice="onyx", language="en", greeting=False, knowledge=False, tools=0)
    (confirmed,) = call.sent()
    assert (confirmed["event"], confirmed["ignored"]) == ("config_ack", ["colour"])


@pytest.mark.conforms("O-20")
def test_what_has_no_tag_is_dropped_and_counted_and_the_call_goes_on() -> None:
    call = Call()
    dropped: list[str | bytes] = [
        '{"type":"configure"}',
        b'{"type":"configure"}',
        b"",
        b"\x01\x00",
        b"\x02hi",
        b"\x03[]",
        b"\x03{}",
    ]
    assert call.hears(*dropped, *dropped) == []
    assert call.server.dropped == 14
    errors = call.sent()
    assert {each["code"] for each in errors} == {"invalid_message"}
    assert len(errors) == len({each["message"] for each in errors}) == 6
    assert call.hears(b"\x01", b"\x01\x00\x01") == [CallerAudio(b"\x00\x01")]


def test_complaints_are_bounded() -> None:
    call = Call()
    call.hears(*[bytes((tag,)) for tag in range(4, 200)])
    assert len(call.sent()) == 10 and call.server.dropped == 196


def test_digits_are_read_in_both_spellings_and_what_is_not_honoured_is_no_error() -> None:
    call = Call()
    assert call.hears({"type": "dtmf", "digits": "5"}, {"type": "dtmf", "digit": "6a#"}) == [
        Digits("5"),
        Digits("6A#"),
    ]
    assert call.hears({"type": "input_text", "text": "Hi"}, {"type": "mood"}) == call.sent() == []


def test_what_is_no_touch_tone_is_dropped_and_told_once() -> None:
    call = Call()
    for digits in ("", "xyz", "1 2", "1" * 65, "\u0661", 5, None):
        assert call.hears({"type": "dtmf", "digits": digits}) == []
    (error,) = call.sent()
    assert error["code"] == "invalid_message" and "touch tones" in error["message"]


def test_what_was_cut_in_the_middle_of_an_emoji_can_be_written_again() -> None:
    call = Call()
    call_id = call.server.tool_call("lookup", {}, call.now)
    message = b'\x03{"type":"tool_result","call_id":"%s","result":{"said":"fine \\ud83d"}}' % call_id.encode()
    assert call.hears(message) == [ToolAnswered(call_id, "lookup", {"said": "fine ?"})]


def test_the_agents_turn() -> None:
    call = Call()
    assert call.server.turn_begin(0.42) == 1
    call.server.audio(b"\x00\x00")
    call.server.agent_said("Hel", final=False)
    call.server.agent_said("Hello.")
    call.server.agent_said("")
    assert call.server.turn_begin() == 2
    assert call.sent() == [
        {"event": "turn_begin", "call_id": "call_1", "turn": 1, "since_caller_end_ms": 420},
        b"\x00\x00",
        {"event": "transcript", "role": "assistant", "text": "Hel", "final": False},
        {"event": "transcript", "role": "assistant", "text": "Hello.", "final": True},
        {"event": "turn_begin", "call_id": "call_1", "turn": 2},
    ]


def test_after_an_interruption_nothing_of_the_turn_is_sent() -> None:
    call = Call()
    call.server.turn_begin()
    call.sent()
    call.server.interrupt("energy", "x" * 600)
    call.server.interrupt("energy")
    call.server.audio(b"\x00\x00")
    call.server.agent_said("Hello.")
    assert call.sent() == [
        {"event": "flush", "reason": "energy"},
        {"event": "assistant_interrupted", "call_id": "call_1", "reply": "x" * 500},
    ]
    call.server.turn_begin()
    call.server.audio(b"\x00\x00")
    call.server.interrupt("energy")
    assert [each if isinstance(each, bytes) else each["event"] for each in call.sent()] == [
        "turn_begin",
        b"\x00\x00",
        "flush",
    ]


def test_the_callers_words_are_plain_deltas() -> None:
    call = Call()
    call.server.caller_said("Hi")
    call.server.caller_said(" Eva")
    call.server.caller_said("")
    assert call.sent() == ["Hi", " Eva"]


def test_the_older_dialects() -> None:
    call = Call(Dialect(words_as_json=True, position_key="type", announces_turns_twice=True))
    call.server.caller_said("Hi")
    call.server.caller_said(" Eva", final=True)
    call.server.audio_position(1.5, 1.2)
    call.server.turn_begin()
    call.server.caller_said("Next")
    first, second, position, turn, turn_begin, third = call.sent()
    assert json.loads(first) == {"event": "transcript", "role": "user", "text": "Hi", "final": False}
    assert json.loads(second) == {"event": "transcript", "role": "user", "text": "Hi Eva", "final": True}
    assert position == {"type": "audio_position", "call_id": "call_1", "sent_ms": 1500, "realtime_ms": 1200}
    assert turn == {"event": "turn", "role": "assistant"} and turn_begin["event"] == "turn_begin"
    assert json.loads(third)["text"] == "Next"


def test_a_tool_call_ends_with_its_answer() -> None:
    call = Call()
    first = call.server.tool_call("lookup_order", {"order_id": "9"}, call.now)
    second = call.server.tool_call("lookup_order", {}, call.now)
    assert call.sent()[0] == {
        "event": "tool_call",
        "call_id": first,
        "name": "lookup_order",
        "arguments": {"order_id": "9"},
    }
    assert call.hears(
        {"type": "tool_result", "call_id": second, "error": "not found"},
        {"type": "tool_result", "call_id": first, "result": {"status": "shipped"}},
        {"type": "tool_result", "call_id": first, "result": "again"},
        {"type": "tool_result", "call_id": "tc_9", "result": "never asked"},
        {"type": "tool_result"},
    ) == [
        ToolAnswered(second, "lookup_order", error="not found"),
        ToolAnswered(first, "lookup_order", {"status": "shipped"}),
    ]
    assert first != second


@pytest.mark.conforms("O-23")
def test_a_tool_call_whose_time_is_up_is_answered_by_the_server_and_a_late_result_ignored() -> None:
    call = Call()
    call.hears({"type": "configure", "tools": [{"name": "slow", "timeout_ms": 9000}]})
    quick = call.server.tool_call("quick", {}, call.now)
    slow = call.server.tool_call("slow", {}, call.now)
    call.now += 4.9
    assert call.server.tick(call.now) == []
    call.now += 0.2
    assert call.hears({"type": "tool_result", "call_id": quick, "result": 1}) == []
    assert call.server.tick(call.now) == [ToolAnswered(quick, "quick", error="the tool did not answer in time")]
    assert call.hears({"type": "tool_result", "call_id": quick, "result": 1}) == []
    assert call.hears({"type": "tool_result", "call_id": slow, "result": 1}) == [ToolAnswered(slow, "slow", 1)]
    assert call.server.tick(call.now + 60) == []


def test_a_result_that_is_too_large_is_cut_with_one_error() -> None:
    call = Call()
    call_id = call.server.tool_call("lookup", {}, call.now)
    call.sent()
    (answer,) = call.hears({"type": "tool_result", "call_id": call_id, "result": "x" * 7_000})
    assert isinstance(answer, ToolAnswered) and len(answer.result) < 3_100
    assert [(each["event"], each["code"]) for each in call.sent()] == [("error", "payload_too_large")]


def test_a_result_without_an_answer_is_an_error_to_the_brain() -> None:
    call = Call()
    call_id = call.server.tool_call("lookup", {}, call.now)
    (answer,) = call.hears({"type": "tool_result", "call_id": call_id})
    assert isinstance(answer, ToolAnswered) and "neither" in answer.error


def test_call_control_and_what_else_is_told() -> None:
    call = Call()
    call.server.call_control("transfer_to_human", destination="sales")
    call.server.knowledge_queried(["a", "b"])
    call.server.knowledge_queried([], "no_kb")
    call.server.idle_prompt()
    call.server.audio_position(2.0, 1.0)
    assert call.sent() == [
        {"event": "transfer_to_human", "destination": "sales"},
        {"event": "kb_query", "none": False, "reason": "", "top_ids": ["a", "b"]},
        {"event": "kb_query", "none": True, "reason": "no_kb", "top_ids": []},
        {"event": "idle_prompt"},
        {"event": "audio_position", "call_id": "call_1", "sent_ms": 2000, "realtime_ms": 1000},
    ]
    with pytest.raises(ValueError, match="tool_call"):
        call.server.call_control("tool_call")


def test_nothing_is_said_after_the_end() -> None:
    call = Call()
    assert call.hears({"type": "session_ending"}) == [HangUp()]
    assert call.sent() == [{"event": "session_end"}]
    call.server.audio(b"\x00\x00")
    call.server.caller_said("Hi")
    call.server.agent_said("Hi")
    call.server.turn_begin()
    call.server.end()
    assert call.sent() == []


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
CONTROLS = st.builds(
    lambda kind, fields: b"\x03" + json.dumps({**fields, "type": kind}).encode(),
    st.sampled_from("configure dtmf tool_result input_text session_ending mood".split()),
    st.dictionaries(
        st.sampled_from(
            "event persona voice_id greeting language tools kb_endpoint kb_token temperature seed caller_key "
            "ack_mode digits digit call_id result error".split()
        ),
        NESTED | st.just("tc_1") | st.lists(st.fixed_dictionaries({"name": NESTED, "parameters": NESTED}), max_size=2),
    ),
)


@given(st.lists(st.one_of(st.text(), st.binary(), CONTROLS)))
def test_no_message_makes_it_raise(messages: list[str | bytes]) -> None:
    call = Call()
    call.server.tool_call("lookup", {}, call.now)
    call.hears(*messages)
    call.server.tick(call.now + 10)
    call.sent()


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("depth", [300, 900, 5_000])
def test_a_configure_that_is_nested_deep_does_no_harm(depth: int) -> None:
    call = Call()
    call.hears(
        b'\x03{"type":"configure","ack_mode":' + nested(depth) + b"}",
        b'\x03{"type":"configure","persona":1,"tools":[{"name":"a","parameters":' + nested(depth) + b"}]}",
    )
    assert call.hears({"type": "dtmf", "digit": "1"}) == [Digits("1")]


def test_a_result_that_is_nested_deep_does_no_harm_wherever_the_limit_is() -> None:
    call = Call()
    answers = 0
    for depth in range(700, 1_000):
        call_id = call.server.tool_call("lookup", {}, call.now)
        message = b'\x03{"type":"tool_result","call_id":"%s","result":%s}' % (call_id.encode(), nested(depth))
        answers += len(call.hears(message))
    assert answers + len(call.server.tick(call.now + 10)) == 300
