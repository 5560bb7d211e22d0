"""The server machine of the Realtime events, message by message."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.protocol.realtime.calls import (
    Answered,
    CallerAudio,
    Cancel,
    Clear,
    Commit,
    Configure,
    RealtimeCall,
    Respond,
)
from pyai_voice.protocol.realtime.server import RealtimeServer
from tests.core.realtime import ABILITIES, Client

SECOND = base64.b64encode(bytes(48000)).decode()


def response(calls: list[RealtimeCall]) -> Respond:
    (call,) = calls
    assert isinstance(call, Respond)
    return call


def said(items: Respond) -> list[tuple[str, str]]:
    return [(item.role or item.kind, item.text or item.output or item.name) for item in items.items]


# The session


def test_the_first_message_is_the_session() -> None:
    (created,) = Client(model="gpt-realtime").opening
    assert created["type"] == "session.created"
    session = created["session"]
    assert session["id"] == "sess_ab12" and session["object"] == "realtime.session" and session["type"] == "realtime"
    assert session["model"] == "gpt-realtime"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["audio"]["output"]["voice"] == "heart"


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    client = Client()
    client.updated(instructions="Be brief.", audio={"output": {"voice": "oak", "speed": 1.5}})
    calls = client.says("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    (event,) = client.sent()
    assert event["session"]["instructions"] == "Be brief."
    assert event["session"]["audio"]["output"]["voice"] == "oak"
    assert event["session"]["audio"]["output"]["speed"] == 1.5
    assert event["session"]["audio"]["input"]["turn_detection"] is None
    assert calls == [Configure(client.server.session)]
    assert client.updated(instructions="Be long.")["audio"]["input"]["turn_detection"] is None


def test_a_session_may_be_sent_back_as_it_was_shown() -> None:
    client = Client()
    shown = client.updated(tools=[{"type": "function", "name": "f"}], audio={"input": {"transcription": {}}})
    assert client.updated(**shown) == shown


@pytest.mark.parametrize(
    ("given_detection", "silence", "prefix"),
    [
        ({"type": "server_vad"}, 0.5, 0.3),
        ({"type": "server_vad", "threshold": None, "silence_duration_ms": 200, "prefix_padding_ms": 0}, 0.2, 0.0),
        ({"type": "semantic_vad"}, None, 0.3),
        ({"type": "semantic_vad", "eagerness": "low"}, 1.0, 0.3),
    ],
)
def test_turn_detection_is_a_silence(given_detection: dict[str, Any], silence: float | None, prefix: float) -> None:
    client = Client()
    client.updated(audio={"input": {"turn_detection": given_detection}})
    detection = client.server.session.audio.input.turn_detection
    assert detection is not None
    assert (detection.silence, detection.prefix) == (silence, prefix)


def test_a_voice_may_be_an_object() -> None:
    assert Client().updated(audio={"output": {"voice": {"id": "oak"}}})["audio"]["output"]["voice"] == "oak"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"colour": 1}, "unknown_parameter", "session.colour"),
        ({"model": "other"}, "invalid_value", "session.model"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"instructions": "x" * 32_001}, "invalid_value", "session.instructions"),
        ({"instructions": 1}, "invalid_value", "session.instructions"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"tracing": "auto"}, "unsupported_parameter", "session.tracing"),
        ({"tool_choice": "required"}, "invalid_value", "session.tool_choice"),
        ({"max_output_tokens": 100}, "invalid_value", "session.max_output_tokens"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value", "session.tools[0].type"),
        ({"tools": [{"type": "function", "name": "no spaces"}]}, "invalid_value", "session.tools[0].name"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        (
            {"tools": [{"name": "f", "parameters": {"type": "string"}}]},
            "invalid_value",
            "session.tools[0].parameters",
        ),
        ({"tools": [{"type": "function", "name": "f"}] * 129}, "invalid_value", "session.tools"),
        ({"audio": 5}, "invalid_value", "session.audio"),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, "invalid_value", "session.audio.input.format.type"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
            "unsupported_parameter",
            "session.audio.input.noise_reduction",
        ),
        (
            {"audio": {"input": {"transcription": {"language": "ja"}}}},
            "invalid_value",
            "session.audio.input.transcription.language",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "telepathy"}}}},
            "invalid_value",
            "session.audio.input.turn_detection",
        ),
        ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"output": {"speed": 9}}}, "invalid_value", "session.audio.output.speed"),
    ],
)
def test_a_wrong_setting_changes_nothing_and_is_named(session: dict[str, Any], code: str, param: str) -> None:
    client = Client()
    before = client.server.session
    error = client.refused("session.update", session={"instructions": "changed", **session})
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert client.server.session is before


def test_the_language_of_what_is_heard_may_have_a_region() -> None:
    shown = Client().updated(audio={"input": {"transcription": {"model": "whisper-1", "language": "de-AT"}}})
    assert shown["audio"]["input"]["transcription"]["model"] == "whisper-1"


# What is no event


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x03{}", "invalid_event"),
        ("no JSON", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("[]", "invalid_json"),
        ('{"type": "session.update", "session": {"speed": NaN}}', "invalid_json"),
        (r'{"type": "session.update", "session": {"instructions": "\ud800"}}', "invalid_json"),
        ('{"type": "session.update", "x": ' + "[" * 900 + "]" * 900 + "}", "invalid_json"),
        ("{}", "missing_required_parameter"),
        ('{"type": 5}', "missing_required_parameter"),
        ('{"type": "session.fly"}', "invalid_value"),
        ('{"type": "output_audio_buffer.clear"}', "invalid_value"),
        ('{"type": "session.update"}', "missing_required_parameter"),
        ('{"type": "session.update", "session": 7}', "missing_required_parameter"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
        ('{"type": "conversation.item.delete"}', "missing_required_parameter"),
        ('{"type": "conversation.item.delete", "item_id": "x", "more": 1}', "unknown_parameter"),
    ],
)
def test_what_is_no_event_is_answered_by_an_error(message: str | bytes, code: str) -> None:
    client = Client()
    assert client.server.receive(message) == []
    (event,) = client.sent()
    assert (event["type"], event["error"]["code"], event["error"]["event_id"]) == ("error", code, None)
    assert client.updated(instructions="still here")["instructions"] == "still here"


def test_an_engine_that_fails_is_no_fault_of_the_client() -> None:
    client = Client()
    client.server.error("engine_failed", "No more", server=True)
    (event,) = client.sent()
    assert event["error"]["type"] == "server_error"


# The input buffer


def test_sound_is_handed_on_as_it_is() -> None:
    client = Client()
    assert client.says("input_audio_buffer.append", audio="AQACAA==") == [CallerAudio(b"\x01\x00\x02\x00")]
    assert client.says("input_audio_buffer.append", audio="") == []
    assert client.sent() == []


@pytest.mark.parametrize(
    "audio", ["%%%", "AQ=", "AQAC", "é", "A" * (21 << 20)], ids=["sign", "padding", "half a sample", "letter", "size"]
)
def test_what_is_no_sound_is_refused(audio: str) -> None:
    error = Client().refused("input_audio_buffer.append", audio=audio)
    assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_telephone_sound_has_one_byte_a_sample() -> None:
    client = Client()
    client.updated(audio={"input": {"format": {"type": "audio/pcmu"}}})
    assert client.says("input_audio_buffer.append", audio="/w==") == [CallerAudio(b"\xff")]
    assert client.refused("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"
    client.says("input_audio_buffer.append", audio=base64.b64encode(bytes(800)).decode())
    assert client.says("input_audio_buffer.commit") == [Commit()]


def test_a_commit_becomes_an_item_whose_words_come_later() -> None:
    client = Client()
    client.updated(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    client.says("input_audio_buffer.append", audio=SECOND)
    assert client.says("input_audio_buffer.commit") == [Commit()]
    committed, added, done = client.sent()
    assert committed == {**committed, "type": "input_audio_buffer.committed", "previous_item_id": None}
    item_id = committed["item_id"]
    assert added["item"]["id"] == done["item"]["id"] == item_id
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert client.server.caller_said("hello there", 0.8, committed=True) == []
    (completed,) = client.sent()
    assert completed["type"] == "conversation.item.input_audio_transcription.completed"
    assert (completed["item_id"], completed["transcript"]) == (item_id, "hello there")
    assert completed["usage"] == {"type": "duration", "seconds": 0.8}
    client.says("conversation.item.retrieve", item_id=item_id)
    assert client.sent()[0]["item"]["content"] == [{"type": "input_audio", "transcript": "hello there"}]


def test_a_commit_without_sound_is_refused_as_by_openai() -> None:
    client = Client()
    error = client.refused("input_audio_buffer.commit")
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert error["message"].endswith("only has 0.00ms of audio.")
    client.says("input_audio_buffer.append", audio=SECOND)
    assert client.says("input_audio_buffer.clear") == [Clear()]
    assert client.kinds() == ["input_audio_buffer.cleared"]
    assert client.refused("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_the_sound_stays_as_it_was_when_it_began() -> None:
    client = Client()
    client.updated(audio={"input": {"format": {"type": "audio/pcma"}}})
    client.says("input_audio_buffer.append", audio="AA==")
    error = client.refused("session.update", session={"audio": {"input": {"format": {"type": "audio/pcm"}}}})
    assert (error["code"], error["param"]) == ("invalid_value", "session.audio.input.format")
    client.updated(audio={"output": {"format": {"type": "audio/pcma"}}})


def test_commits_without_end_are_refused() -> None:
    client = Client()
    for _ in range(8):
        client.says("input_audio_buffer.append", audio=SECOND)
        client.says("input_audio_buffer.commit")
    client.sent()
    client.says("input_audio_buffer.append", audio=SECOND)
    assert client.refused("input_audio_buffer.commit")["code"] == "too_many_commits"


def test_the_answer_to_a_commit_waits_for_its_words() -> None:
    client = Client()
    client.updated(audio={"input": {"turn_detection": None}})
    for _ in range(2):
        client.says("input_audio_buffer.append", audio=SECOND)
        client.says("input_audio_buffer.commit")
    client.sent()
    assert client.says("response.create") == []
    assert client.kinds() == ["response.created"]
    assert client.server.caller_said("hello", 0.5, committed=True) == []
    respond = response(client.server.caller_said("who is there", 0.5, committed=True))
    assert said(respond) == [("user", "hello"), ("user", "who is there")]
    assert client.sent() == []  # no transcription was asked for


def test_an_answer_that_waits_can_be_cancelled() -> None:
    client = Client()
    client.says("input_audio_buffer.append", audio=SECOND)
    client.says("input_audio_buffer.commit")
    client.says("response.create")
    assert [type(call) for call in client.says("response.cancel")] == [Cancel]
    client.sent()
    assert client.server.caller_said("hello", 0.5, committed=True) == []


def test_words_of_a_commit_that_was_deleted_are_forgotten() -> None:
    client = Client()
    client.says("input_audio_buffer.append", audio=SECOND)
    client.says("input_audio_buffer.commit")
    item_id = client.sent()[0]["item_id"]
    client.says("conversation.item.delete", item_id=item_id)
    assert client.kinds() == ["conversation.item.deleted"]
    client.server.caller_said("hello", 0.5, committed=True)
    assert client.server.caller_said("nobody asked", 0.5, committed=True) == []
    assert len(client.server.items) == 0


# Turns that the server finds


def test_a_turn_is_told_from_its_first_sound_to_its_answer() -> None:
    client = Client()
    client.updated(audio={"input": {"transcription": {}}})
    server = client.server
    server.caller_started(1.5)
    server.caller_words("what")
    server.caller_words("what")
    server.caller_words("what is")
    server.caller_stopped(2.75)
    respond = response(server.caller_said("What is your name?", 1.25))
    events = client.sent()
    assert [event["type"].removeprefix("conversation.item.") for event in events] == [
        "input_audio_buffer.speech_started",
        "input_audio_transcription.delta",
        "input_audio_transcription.delta",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "added",
        "done",
        "input_audio_transcription.completed",
        "response.created",
    ]
    assert events[0]["audio_start_ms"] == 1200 and events[3]["audio_end_ms"] == 2750
    assert [events[1]["delta"], events[2]["delta"]] == ["what", " is"]
    ids = {event["item_id"] for event in events if "item_id" in event} | {events[5]["item"]["id"]}
    assert len(ids) == 1
    assert said(respond) == [("user", "What is your name?")]


def test_a_noise_is_told_and_not_answered() -> None:
    client = Client()
    client.server.caller_started(0.1)
    client.server.caller_stopped(0.2)
    started, stopped = client.sent()
    assert started["audio_start_ms"] == 0 and started["item_id"] == stopped["item_id"]
    assert client.server.caller_said("", 0.1) == []


@pytest.mark.parametrize(
    "detection", [None, {"type": "server_vad", "create_response": False, "interrupt_response": False}]
)
def test_a_turn_is_not_answered_unless_it_is_wanted(detection: dict[str, Any] | None) -> None:
    client = Client()
    client.updated(audio={"input": {"turn_detection": detection}})
    client.server.caller_started(1.0)
    client.server.caller_words("hello")
    client.server.caller_stopped(2.0)
    assert client.server.caller_said("hello", 1.0) == []
    assert "response.created" not in client.kinds()


def test_a_turn_during_an_answer_is_not_answered_by_a_second_one() -> None:
    client = Client()
    client.says("response.create")
    client.sent()
    assert client.server.caller_said("hm", 0.2) == []
    assert "response.created" not in client.kinds()


# Responses


def test_a_spoken_response_is_told_in_order() -> None:
    client = Client()
    client.text("hello")
    respond = response(client.says("response.create", response={"metadata": {"client_event_id": "x"}}))
    client.server.agent_said(respond.response_id, "Good")
    client.server.agent_audio(respond.response_id, bytes(480))
    client.server.agent_said(respond.response_id, " morning.")
    client.server.agent_audio(respond.response_id, b"\x01\x00")
    client.server.response_ended(respond.response_id)
    events = client.sent()
    assert [event["type"] for event in events] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert events[0]["response"]["status"] == "in_progress" and events[0]["response"]["output"] == []
    assert events[7]["delta"] == "AQA="
    assert events[9]["transcript"] == "Good morning."
    done = events[-1]["response"]
    assert (done["status"], done["status_details"], done["metadata"]) == ("completed", None, {"client_event_id": "x"})
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Good morning."}]
    assert len({event["event_id"] for event in events}) == len(events)


def test_a_text_response_has_no_sound() -> None:
    client = Client()
    client.updated(output_modalities=["text"])
    respond = response(client.says("response.create"))
    assert not respond.session.speaks
    client.server.agent_said(respond.response_id, "Good morning.")
    client.server.agent_audio(respond.response_id, bytes(480))
    client.server.response_ended(respond.response_id)
    events = client.sent()
    assert [event["type"] for event in events[3:7]] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
    ]
    assert events[5]["text"] == "Good morning."


def test_a_response_may_differ_from_its_session() -> None:
    client = Client()
    client.updated(instructions="Be brief.")
    given_response = {
        "instructions": "Be long.",
        "output_modalities": ["text"],
        "tools": [{"type": "function", "name": "f"}],
        "audio": {"output": {"voice": "oak"}},
    }
    respond = response(client.says("response.create", response=given_response))
    assert (respond.session.instructions, respond.session.speaks) == ("Be long.", False)
    assert respond.session.audio.output.voice == "oak" and respond.session.tools[0].name == "f"
    assert client.server.session.instructions == "Be brief."


@pytest.mark.parametrize(
    ("given_response", "code", "param"),
    [
        ({"colour": 1}, "unknown_parameter", "response.colour"),
        ({"model": "x"}, "unknown_parameter", "response.model"),
        ({"metadata": {"x": 5}}, "invalid_value", "response.metadata.x"),
        ({"prompt": {"id": "p"}}, "unsupported_parameter", "response.prompt"),
        ({"max_output_tokens": 5}, "invalid_value", "response.max_output_tokens"),
        ({"input": [{"type": "item_reference", "id": "gone"}]}, "invalid_value", "response.input[0].id"),
        ({"input": [5]}, "invalid_value", "response.input[0]"),
    ],
)
def test_a_response_that_cannot_be_is_refused(given_response: dict[str, Any], code: str, param: str) -> None:
    client = Client()
    error = client.refused("response.create", response=given_response)
    assert (error["code"], error["param"]) == (code, param)


def test_there_is_one_response_at_a_time() -> None:
    client = Client()
    first = response(client.says("response.create"))
    client.sent()
    assert client.refused("response.create")["code"] == "conversation_already_has_active_response"
    client.server.response_ended(first.response_id)
    assert response(client.says("response.create")).response_id != first.response_id


def test_a_response_apart_from_the_conversation_leaves_no_trace() -> None:
    client = Client()
    known = client.text("hello")
    asked = [
        {"type": "item_reference", "id": known},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "sum it up"}]},
    ]
    respond = response(client.says("response.create", response={"conversation": "none", "input": asked}))
    assert said(respond) == [("user", "hello"), ("user", "sum it up")]
    client.server.agent_said(respond.response_id, "A greeting.")
    client.server.response_ended(respond.response_id)
    events = client.sent()
    assert not [event for event in events if event["type"].startswith("conversation.")]
    assert events[-1]["response"]["conversation_id"] is None
    assert [item.text for item in client.server.items] == ["hello"]


def test_a_function_is_called_and_its_answer_goes_to_the_next_response() -> None:
    client = Client()
    client.text("What is the weather?")
    first = response(client.says("response.create"))
    client.server.agent_said(first.response_id, "One moment.")
    call_id = client.server.function_wanted(first.response_id, "weather", {"city": "Köln"})
    client.server.agent_said(first.response_id, " Please.")
    client.server.response_ended(first.response_id)
    events = client.sent()
    assert [event["type"] for event in events][5:] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    done = events[8]
    assert (done["name"], json.loads(done["arguments"]), done["output_index"]) == ("weather", {"city": "Köln"}, 1)
    assert done["call_id"] == call_id
    assert events[11]["output_index"] == 0 and events[13]["transcript"] == "One moment. Please."
    output = {"type": "function_call_output", "call_id": done["call_id"], "output": '{"rain": true}'}
    assert client.says("conversation.item.create", item=output) == [Answered(done["call_id"], '{"rain": true}')]
    assert client.kinds() == ["conversation.item.added", "conversation.item.done"]
    assert said(response(client.says("response.create")))[2:] == [
        ("function_call", "weather"),
        ("function_call_output", '{"rain": true}'),
    ]


def test_a_cancelled_response_closes_what_it_opened() -> None:
    client = Client()
    respond = response(client.says("response.create"))
    client.server.agent_said(respond.response_id, "Once upon a time")
    client.server.agent_audio(respond.response_id, bytes(4800))
    client.sent()
    assert client.says("response.cancel", response_id=respond.response_id) == [Cancel(respond.response_id)]
    events = client.sent()
    assert [event["type"] for event in events] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert events[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert events[3]["item"]["status"] == "incomplete"
    client.server.agent_said(respond.response_id, "there was")
    client.server.agent_audio(respond.response_id, bytes(2))
    assert client.server.function_wanted(respond.response_id, "f", {}) == ""
    client.server.response_ended(respond.response_id)
    client.server.response_interrupted(respond.response_id, 0.1)
    client.server.response_failed(respond.response_id, "x", "y")
    assert client.sent() == []


def test_nothing_can_be_cancelled_where_nothing_is_said() -> None:
    client = Client()
    error = client.refused("response.cancel")
    assert error["code"] == "response_cancel_not_active" and error["message"].startswith("Cancellation failed")
    client.says("response.create")
    client.sent()
    assert client.refused("response.cancel", response_id="resp_other")["code"] == "response_cancel_not_active"


def test_the_caller_who_interrupts_is_remembered_to_have_heard_only_the_beginning() -> None:
    client = Client()
    respond = response(client.says("response.create"))
    client.server.agent_said(respond.response_id, "One two.")
    client.server.agent_audio(respond.response_id, bytes(48000))
    client.server.agent_said(respond.response_id, " Three four five six seven eight.")
    client.server.agent_audio(respond.response_id, bytes(24000))
    client.server.caller_started(5.0)
    client.server.response_interrupted(respond.response_id, 1.5)
    events = client.sent()
    assert events[-1]["response"]["status_details"]["reason"] == "turn_detected"
    assert [item.text for item in client.server.items] == ["One two. Three"]
    (item_id,) = {event["item_id"] for event in events if event["type"] == "response.output_audio.delta"}
    client.says("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=400)
    assert client.sent()[0]["audio_end_ms"] == 400
    assert [item.text for item in client.server.items] == ["One"]


def test_of_a_whole_answer_the_client_says_how_much_was_heard() -> None:
    client = Client()
    respond = response(client.says("response.create"))
    client.server.agent_said(respond.response_id, "One two three four.")
    client.server.agent_audio(respond.response_id, bytes(96000))
    client.server.response_ended(respond.response_id)
    item_id = client.sent()[-1]["response"]["output"][0]["id"]
    for milliseconds, heard in ((0, ""), (1000, "One two"), (1999, "One two three"), (2000, "One two three four.")):
        client.says("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=milliseconds)
        assert [item.text for item in client.server.items] == [heard]


def test_a_response_that_fails_says_why() -> None:
    client = Client()
    respond = response(client.says("response.create"))
    client.server.response_failed(respond.response_id, "upstream_error", "The brain gave no answer")
    done = client.sent()[-1]["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["error"] == {
        "type": "server_error",
        "code": "upstream_error",
        "message": "The brain gave no answer",
    }


# Items


def test_items_are_kept_in_the_order_that_the_client_gives_them() -> None:
    client = Client()
    first = client.text("first")
    client.text("third")
    client.text("second", previous_item_id=first)
    client.text("zeroth", role="system", previous_item_id="root")
    client.text("last", role="assistant")
    assert [item.text for item in client.server.items] == ["zeroth", "first", "second", "third", "last"]


def test_an_item_says_what_is_before_it() -> None:
    client = Client()
    first = client.text("first")
    message = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    client.says("conversation.item.create", item=message, previous_item_id="root")
    assert client.sent()[0]["previous_item_id"] is None
    client.says("conversation.item.create", item={**message, "id": "other"}, previous_item_id="mine")
    added = client.sent()[0]
    assert (added["previous_item_id"], added["item"]["id"]) == ("mine", "other")
    assert [item.item_id for item in client.server.items] == ["mine", "other", first]


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"type": "message", "role": "judge", "content": []}, "invalid_value", "item.role"),
        ({"type": "message", "role": "user", "content": [], "id": "a b"}, "invalid_value", "item.id"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]},
            "invalid_value",
            "item.content[0]",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x" * 65_537}]},
            "invalid_value",
            "item.content[0].text",
        ),
        ({"type": "function_call_output", "call_id": "call_x", "output": ""}, "invalid_tool_call_id", "item.call_id"),
        ({"type": "mcp_call"}, "invalid_value", "item"),
    ],
)
def test_an_item_that_cannot_be_is_refused(item: dict[str, Any], code: str, param: str) -> None:
    client = Client()
    error = client.refused("conversation.item.create", item=item)
    assert (error["code"], error["param"]) == (code, param)
    assert len(client.server.items) == 0


def test_ids_are_unique_and_must_exist() -> None:
    client = Client()
    message: dict[str, Any] = {"id": "mine", "type": "message", "role": "user", "content": []}
    client.says("conversation.item.create", item=message)
    client.sent()
    assert client.refused("conversation.item.create", item=message)["code"] == "item_create_duplicate_item_id"
    other = {**message, "id": "other"}
    error = client.refused("conversation.item.create", item=other, previous_item_id="gone")
    assert error["code"] == "item_create_invalid_previous_item_id"
    for verb in ("delete", "retrieve"):
        assert client.refused(f"conversation.item.{verb}", item_id="gone")["code"] == f"item_{verb}_invalid_item_id"
    truncated = client.refused("conversation.item.truncate", item_id="gone", content_index=0, audio_end_ms=5)
    assert truncated["code"] == "item_truncate_invalid_item_id"


@pytest.mark.parametrize(("limit", "most"), [("MOST_ITEMS", 2), ("MOST_CHARACTERS", 9)])
def test_a_conversation_is_not_without_end(monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    monkeypatch.setattr(f"pyai_voice.protocol.realtime.items.{limit}", most)
    client = Client()
    client.text("one")
    client.text("two")
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a": 1}'}
    assert client.refused("conversation.item.create", item=call)["code"] == "too_many_items"
    assert len(client.server.items) == 2


def test_a_conversation_is_replayed_with_its_function_calls_and_transcripts() -> None:
    client = Client()
    heard = [{"type": "input_audio", "transcript": "hello", "audio": None}]
    for item in (
        {"type": "message", "role": "user", "content": heard},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1", "output": "done"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Hi."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "There."}]},
    ):
        client.says("conversation.item.create", item=item)
        assert client.kinds() == ["conversation.item.added", "conversation.item.done"], item
    assert said(response(client.says("response.create"))) == [
        ("user", "hello"),
        ("function_call", "f"),
        ("function_call_output", "done"),
        ("assistant", "Hi."),
        ("assistant", "There."),
    ]


def test_only_speech_of_the_agent_can_be_truncated_and_not_beyond_its_end() -> None:
    client = Client()
    words = client.text("hello", role="assistant")
    error = client.refused("conversation.item.truncate", item_id=words, content_index=0, audio_end_ms=5)
    assert error["code"] == "unsupported_content_type"
    respond = response(client.says("response.create"))
    client.server.agent_said(respond.response_id, "Hello.")
    client.server.agent_audio(respond.response_id, bytes(4800))
    client.server.response_ended(respond.response_id)
    item_id = client.sent()[-1]["response"]["output"][0]["id"]
    error = client.refused("conversation.item.truncate", item_id=item_id, content_index=1, audio_end_ms=5)
    assert error["code"] == "unsupported_content_type"
    error = client.refused("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=101)
    assert error["message"] == "Audio content of 100ms is already shorter than 101ms."
    client.says("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    assert client.kinds() == ["conversation.item.truncated"]
    assert client.server.items.get(item_id).text == "Hello."  # pyright: ignore[reportOptionalMemberAccess] - it is there


def test_an_item_may_be_deleted_while_it_is_said() -> None:
    client = Client()
    respond = response(client.says("response.create"))
    client.server.agent_said(respond.response_id, "Hello.")
    item_id = client.sent()[1]["item"]["id"]
    client.says("conversation.item.delete", item_id=item_id)
    client.server.response_ended(respond.response_id)
    assert client.kinds()[-1] == "response.done"
    assert len(client.server.items) == 0


# The beta


def test_the_beta_is_read_and_spoken() -> None:
    client = Client(beta=True)
    created, conversation = client.opening
    assert created["session"]["modalities"] == ["text", "audio"]
    assert created["session"]["input_audio_format"] == "pcm16"
    assert conversation["type"] == "conversation.created"
    client.says(
        "session.update",
        session={
            "modalities": ["text", "audio"],
            "voice": "oak",
            "input_audio_format": "g711_ulaw",
            "output_audio_format": "g711_alaw",
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": None,
            "max_response_output_tokens": "inf",
            "temperature": 0.8,
            "audio": {"input": {"noise_reduction": None}},
        },
    )
    (updated,) = client.sent()
    session = updated["session"]
    assert (session["input_audio_format"], session["output_audio_format"]) == ("g711_ulaw", "g711_alaw")
    assert session["voice"] == "oak" and session["turn_detection"] is None
    assert client.server.session.temperature == 0.8
    respond = response(client.says("response.create", response={"modalities": ["text", "audio"]}))
    client.server.agent_said(respond.response_id, "Hello.")
    client.server.agent_audio(respond.response_id, bytes(8))
    client.server.function_wanted(respond.response_id, "f", {})
    client.server.response_ended(respond.response_id)
    events = client.sent()
    assert [event["type"] for event in events] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio_transcript.delta",
        "response.audio.delta",
        "response.output_item.added",
        "conversation.item.created",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    done = events[-1]["response"]
    assert done["modalities"] == ["text", "audio"] and done["output_audio_format"] == "g711_alaw"
    assert done["output"][0]["content"][0]["type"] == "audio"


def test_the_beta_has_text_responses() -> None:
    client = Client(beta=True)
    respond = response(client.says("response.create", response={"modalities": ["text"]}))
    client.server.agent_said(respond.response_id, "Hello.")
    events = client.sent()
    assert events[0]["response"]["modalities"] == ["text"]
    assert events[-1]["type"] == "response.text.delta"


def test_a_fault_in_the_shape_of_the_beta_is_a_fault() -> None:
    client = Client(beta=True)
    assert client.refused("session.update", session={"input_audio_format": "opus"})["code"] == "invalid_value"
    assert client.refused("session.update", session={"modalities": "text"})["code"] == "invalid_value"
    assert client.refused("session.update", session={"voice": "oak", "audio": 5})["code"] == "invalid_value"


# Whatever comes

KINDS = [
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "response.create",
    "response.cancel",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5000)
    | st.text(max_size=8)
    | st.sampled_from(["audio", "text", SECOND]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(
        ["session", "audio", "item", "item_id", "content_index", "audio_end_ms", "response", "event_id", "instructions",
         "input", "output", "turn_detection", "transcription", "tools", "metadata", "voice", "modalities", "type"]
    ),
    JSON | st.dictionaries(st.sampled_from(["audio", "input", "output", "type", "voice", "id", "tools"]), JSON),
    max_size=4,
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(KINDS), FIELDS), max_size=6), st.booleans())
def test_no_message_makes_it_raise_and_each_wrong_one_is_answered_once(
    messages: list[tuple[str, dict[str, Any]]], beta: bool
) -> None:
    client = Client(beta=beta)
    for kind, fields in messages:
        calls = client.server.receive(json.dumps({**fields, "type": kind}))
        events = client.sent()
        assert len([event for event in events if event["type"] == "error"]) <= 1
        if events and events[0]["type"] == "error":
            assert (calls, len(events)) == ([], 1)


@given(st.one_of(st.text(max_size=50), st.binary(max_size=50)))
def test_no_garbage_makes_it_raise(message: str | bytes) -> None:
    server = RealtimeServer("ab12", "m", ABILITIES)
    server.receive(message)
    assert json.loads(server.data_to_send()[0])["type"] == "error"


STEPS = st.sampled_from(
    ["append", "commit", "create", "cancel", "words", "audio", "tool", "end", "interrupt", "fail", "start", "stop",
     "said", "read", "noise"]
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=40))
def test_whatever_happens_every_response_ends_once_and_every_item_is_closed(steps: list[str]) -> None:
    scene = _Scene()
    for step in steps:
        getattr(scene, step)()
    scene.finish()
    events = scene.events
    created = [event["response"]["id"] for event in events if event["type"] == "response.created"]
    done = [event["response"]["id"] for event in events if event["type"] == "response.done"]
    assert created == done
    opened = [event["item"]["id"] for event in events if event["type"] == "response.output_item.added"]
    closed = [event["item"]["id"] for event in events if event["type"] == "response.output_item.done"]
    assert sorted(opened) == sorted(closed)
    asked = [call.response_id for call in scene.calls if isinstance(call, Respond)]
    assert len(asked) == len(set(asked)) and set(asked) <= set(created)
    added = [event["item"]["id"] for event in events if event["type"] == "conversation.item.added"]
    assert added == [item.item_id for item in scene.client.server.items]


class _Scene:
    """A client and a conversation that do anything at any time."""

    def __init__(self) -> None:
        self.client = Client()
        self.calls: list[RealtimeCall] = []
        self.events: list[dict[str, Any]] = []
        self.active = ""

    def _note(self, calls: list[RealtimeCall] | None = None) -> None:
        self.calls += calls or []
        events = self.client.sent()
        self.events += events
        for event in events:
            if event["type"] == "response.created":
                self.active = event["response"]["id"]

    def append(self) -> None:
        self._note(self.client.says("input_audio_buffer.append", audio=SECOND))

    def commit(self) -> None:
        self._note(self.client.says("input_audio_buffer.commit"))

    def create(self) -> None:
        self._note(self.client.says("response.create"))

    def cancel(self) -> None:
        self._note(self.client.says("response.cancel"))

    def words(self) -> None:
        self._note(self.client.server.agent_said(self.active, "word "))

    def audio(self) -> None:
        self._note(self.client.server.agent_audio(self.active, bytes(480)))

    def tool(self) -> None:
        self.client.server.function_wanted(self.active, "f", {})
        self._note()

    def end(self) -> None:
        self._note(self.client.server.response_ended(self.active))

    def interrupt(self) -> None:
        self._note(self.client.server.response_interrupted(self.active, 0.005))

    def fail(self) -> None:
        self._note(self.client.server.response_failed(self.active, "x", "y"))

    def start(self) -> None:
        self._note(self.client.server.caller_started(1.0))

    def stop(self) -> None:
        self._note(self.client.server.caller_stopped(1.0))

    def said(self) -> None:
        self._note(self.client.server.caller_said("hello", 0.5))

    def read(self) -> None:
        self._note(self.client.server.caller_said("hello", 0.5, committed=True))

    def noise(self) -> None:
        self.start()
        self.stop()

    def finish(self) -> None:
        for _ in range(10):
            self.read()
        self.end()
