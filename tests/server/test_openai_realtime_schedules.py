"""Realtime sessions in which anything comes at any time, over real sockets: nothing comes twice or stays open."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from pyai_voice.server.brain.scripted import call
from tests.core.realtime import EVENTS
from tests.server.openai_realtime import pause, realtime_server, speech
from tests.server.test_openai_realtime_faults import address, bearer

STEPS = 25
LINES: list[Any] = [
    "One two",
    ("Let me see.", call("look", what="x")),
    "Once upon a time there was a story",
    (call("look"),),
]


class Wild:
    """A client that does anything, as its dice say."""

    def __init__(self, socket: ClientConnection, seed: int) -> None:
        self._socket = socket
        self._dice = random.Random(seed)
        self.events: list[dict[str, Any]] = []
        self.sent: dict[str, str] = {}
        self._at_rest = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            event = json.loads(message)
            EVENTS[event["type"]].model_validate(event)
            self.events.append(event)
            if event.get("error", {}).get("code") == "item_retrieve_invalid_item_id":
                self._at_rest.set()

    async def say(self, kind: str, **fields: Any) -> None:
        event_id = f"mine_{len(self.sent)}"
        self.sent[event_id] = kind
        await self._socket.send(json.dumps({"type": kind, "event_id": event_id, **fields}))

    async def step(self) -> None:
        doings = [self.speak, self.be_quiet, self.create, self.create, self.cancel, self.write, self.answer]
        doings += [self.truncate, self.switch, self.commit, self.nonsense, self.wait, self.wait, self.wait, self.wait]
        await self._dice.choice(doings)()

    async def speak(self) -> None:
        await self._hear(speech(self._dice.choice((0.05, 0.3, 0.6))))

    async def be_quiet(self) -> None:
        await self._hear(pause(self._dice.choice((0.2, 2.0))))

    async def _hear(self, pcm: bytes) -> None:
        await self.say("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def commit(self) -> None:
        await self.say(self._dice.choice(("input_audio_buffer.commit", "input_audio_buffer.clear")))

    async def create(self) -> None:
        await self.say("response.create", response=self._dice.choice(({}, {"output_modalities": ["text"]})))

    async def cancel(self) -> None:
        await self.say("response.cancel")

    async def write(self) -> None:
        content = [{"type": "input_text", "text": "hello"}]
        await self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    async def answer(self) -> None:
        for event in [event for event in self.events if event["type"] == "response.function_call_arguments.done"][-1:]:
            item = {"type": "function_call_output", "call_id": event["call_id"], "output": "found"}
            await self.say("conversation.item.create", item=item)

    async def truncate(self) -> None:
        for event in [event for event in self.events if event["type"] == "response.output_audio.delta"][-1:]:
            await self.say("conversation.item.truncate", item_id=event["item_id"], content_index=0, audio_end_ms=50)

    async def switch(self) -> None:
        detection = self._dice.choice(
            (None, {"type": "server_vad"}, {"type": "semantic_vad", "interrupt_response": False})
        )
        await self.say(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        )

    async def nonsense(self) -> None:
        await self.say(self._dice.choice(("session.fly", "conversation.item.delete", "session.update")))

    async def wait(self) -> None:
        await asyncio.sleep(self._dice.choice((0.02, 0.15, 0.4)))

    async def end(self) -> None:
        """Come to rest: the last thing asked for is the first thing that is answered after everything else."""
        await self.say("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await self.say("response.cancel")
        await self.say("conversation.item.retrieve", item_id="the_end")
        async with asyncio.timeout(20):
            await self._at_rest.wait()
        await self._socket.close()
        await self._reading


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_comes_every_response_ends_once_and_every_mistake_is_answered(seed: int) -> None:
    async with realtime_server(*LINES * 10) as local:
        async with connect(address(local), additional_headers=bearer(local)) as socket:
            wild = Wild(socket, seed)
            for _ in range(STEPS):
                await wild.step()
            await wild.end()
    _check(wild)


def _check(wild: Wild) -> None:
    events = wild.events
    created = [event["response"]["id"] for event in events if event["type"] == "response.created"]
    done = [event["response"]["id"] for event in events if event["type"] == "response.done"]
    assert created == done
    for response_id in created:
        mine = [
            event for event in events if event.get("response_id", event.get("response", {}).get("id")) == response_id
        ]
        assert mine[0]["type"] == "response.created" and mine[-1]["type"] == "response.done"
        opened = [event["item"]["id"] for event in mine if event["type"] == "response.output_item.added"]
        closed = [event["item"]["id"] for event in mine if event["type"] == "response.output_item.done"]
        assert sorted(opened) == sorted(closed)
    added = [event["item"]["id"] for event in events if event["type"] == "conversation.item.added"]
    assert len(added) == len(set(added))
    errors = [event["error"] for event in events if event["type"] == "error"]
    assert all(error["type"] == "invalid_request_error" for error in errors)
    answered = [error["event_id"] for error in errors]
    assert len(answered) == len(set(answered)) and set(answered) <= wild.sent.keys()
    assert {id_ for id_, kind in wild.sent.items() if kind == "session.fly"} <= set(answered)
