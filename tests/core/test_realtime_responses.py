"""The server machine of the Realtime events: responses, from their beginning to their end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyai_voice.protocol.realtime.calls import Answered, Cancel
from tests.core.realtime import Client, response, said


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
