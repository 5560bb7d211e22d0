"""The server machine of the Realtime events: the input buffer, and the turns that the server finds."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pyai_voice.protocol.realtime.calls import CallerAudio, Cancel, Clear, Commit
from tests.core.realtime import SECOND, Client, response, said

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
