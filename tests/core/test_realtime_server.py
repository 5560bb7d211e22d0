"""The server machine of the Realtime events: the session, what is no event, and the beta's shapes."""

from __future__ import annotations

from typing import Any

import pytest

from pyai_voice.protocol.realtime.calls import Configure
from tests.core.realtime import Client, response

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
