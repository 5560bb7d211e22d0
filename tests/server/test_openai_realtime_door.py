"""``/v1/realtime`` with both framings: the address decides, else the first message of the client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import CallStarted, Configured, OmniEvent, ReplyEnded, ReplyText
from pyai_voice.omni_options import OmniOptions
from pyai_voice.options import Endpoint
from pyai_voice.server.brain.scripted import call
from tests.server.conftest import Local
from tests.server.openai_realtime import pause, realtime_server, session_with, speech
from tests.server.test_openai_realtime_faults import address, bearer

CONFIGURE = b'\x03{"type":"configure","greeting":"Hello there"}'


async def first_of(socket: ClientConnection) -> Any:
    async with asyncio.timeout(10):
        message = await socket.recv()
    return json.loads(message if isinstance(message, str) else message[1:])


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        ("format=pcm16&rate=16000", None),
        ("model=pyai-omni-realtime&session_label=tea", None),
        ("model=pyai-omni-realtime", ["pyai.v1"]),
        ("", ["pyai.v1"]),
    ],
)
async def test_an_address_of_ours_is_greeted_in_our_framing(query: str, offered: Any) -> None:
    async with realtime_server() as local:
        async with connect(address(local, query), additional_headers=bearer(local), subprotocols=offered) as socket:
            assert (await first_of(socket))["event"] == "hello"


@pytest.mark.parametrize("query", ["model=gpt-realtime", "model=pyai-omni-realtime", ""])
async def test_a_client_that_waits_is_greeted_in_openais_framing(query: str) -> None:
    async with realtime_server() as local:
        async with connect(address(local, query), additional_headers=bearer(local)) as socket:
            assert (await first_of(socket))["type"] == "session.created"


async def test_a_first_message_with_our_tag_makes_it_ours() -> None:
    async with realtime_server() as local:
        async with connect(address(local, ""), additional_headers=bearer(local)) as socket:
            await socket.send(CONFIGURE)
            assert (await first_of(socket))["event"] == "hello"
            assert (await first_of(socket))["event"] == "session_started"
            assert (await first_of(socket))["event"] == "configured"


async def test_a_first_message_of_openais_is_not_lost() -> None:
    async with realtime_server() as local:
        async with connect(address(local, ""), additional_headers=bearer(local)) as socket:
            await socket.send(
                '{"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}}'
            )
            assert (await first_of(socket))["type"] == "session.created"
            assert (await first_of(socket))["session"]["instructions"] == "Be brief."


async def test_a_client_that_goes_before_it_says_anything_is_forgotten() -> None:
    async with realtime_server() as local:
        async with connect(address(local, ""), additional_headers=bearer(local)):
            pass
        async with session_with(local) as session:  # the server is well
            assert session.kinds == ["session.created"]


async def test_without_an_upgrade_there_is_nothing_here() -> None:
    async with realtime_server() as local:
        assert (await local.get("/v1/realtime")).status_code == 426


async def test_our_own_client_talks_over_this_address() -> None:
    async with realtime_server() as local:
        endpoint = Endpoint.from_env(local.server.api_key, local.server.base_url)
        async with OmniStream(endpoint, OmniOptions(surface="realtime", greeting="Hello there")) as omni:
            seen: list[OmniEvent] = []
            async with asyncio.timeout(15):
                async for event in omni:
                    seen.append(event)
                    if isinstance(event, ReplyEnded):
                        break
        assert {CallStarted, Configured} <= {type(event) for event in seen}
        assert "".join(event.text for event in seen if isinstance(event, ReplyText)) == "Hello there"


async def test_what_was_said_is_in_the_record_of_the_call() -> None:
    async with realtime_server((call("weather", city="Köln"),), "It rains") as local:
        async with session_with(local) as session:
            await session.configure(tools=[{"type": "function", "name": "weather"}])
            await session.speak(speech(1.0), pause(2.0))
            asked = await session.until("response.function_call_arguments.done")
            await session.until("response.done")
            answer: Any = {"type": "function_call_output", "call_id": asked.call_id, "output": "rain"}
            await session.connection.conversation.item.create(item=answer)
            await session.connection.response.create()
            await session.until("response.done")
        async with asyncio.timeout(10):
            while (record := await _record(local))["status"] != "completed":
                pass  # it is written when the server sees that the client has gone
        entries = [
            (each.get("role", each.get("name")), each.get("text", each.get("result"))) for each in record["entries"]
        ]
        assert entries == [("caller", "w1 w2 w3 w4 w5."), ("weather", "rain"), ("agent", "It rains")]


async def _record(local: Local) -> dict[str, Any]:
    (listed,) = (await local.get("/v1/omni/calls")).json()["data"]
    return (await local.get(f"/v1/omni/calls/{listed['call_id']}")).json()
