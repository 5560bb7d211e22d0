"""The client machine of Omni: how it opens, is configured and changes the agent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyai_voice.errors import ProtocolError, RequestError, StalledError
from pyai_voice.omni_events import CallStarted, Configured, ReplyAudio, ReplyStarted, ReplyText, ToolCalled
from pyai_voice.omni_options import OmniOptions
from pyai_voice.protocol.omni.client import OmniClient
from tests.core.omni import LOOKUP, SECOND, Line, called, event, hello, of, problems, said, sound


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
