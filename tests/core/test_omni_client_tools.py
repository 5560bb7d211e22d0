"""The client machine of Omni: tools, call control, touch tones, and what else is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyai_voice.errors import ConfigurationError
from pyai_voice.omni_events import (
    AudioPosition,
    CollectRequested,
    DigitHeard,
    DigitsRequested,
    HangUpRequested,
    HoldRequested,
    IdlePrompt,
    KnowledgeQueried,
    OmniEvent,
    ReplyAudio,
    ServiceEvent,
    ToolCallClosed,
    ToolCalled,
    TransferRequested,
)
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.protocol.omni.wire import control_message
from tests.core.omni import LOOKUP, Line, called, event, hello, of, problems, sound

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
