"""The server machine of the Realtime events, whatever comes: random messages, garbage and random scenes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.protocol.realtime.calls import RealtimeCall, Respond
from pyai_voice.protocol.realtime.server import RealtimeServer
from tests.core.realtime import ABILITIES, SECOND, Client

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
