"""The server machine of the Realtime events: the items of a conversation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.realtime import Client, response, said


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
