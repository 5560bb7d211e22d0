"""Omni over real sockets: the handlers of tools, and what becomes of their work."""

from __future__ import annotations

import asyncio
from typing import Any

from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import OmniEvent, ToolCallClosed, ToolCalled
from pyai_voice.omni_options import OmniOptions, Tool
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.omni_stream_support import next_of
from tests.core.scripted import KEY


async def test_handlers_answer_each_call_once_whatever_they_do() -> None:
    cancelled = asyncio.Event()

    async def call(peer: Peer) -> None:
        await peer.configured()
        now = asyncio.get_running_loop().time()
        for name in ("good", "broken", "slow", "unknown", "asked"):
            peer.machine.tool_call(name, {"n": 1}, now)
        for message in peer.machine.data_to_send():
            await peer.socket.send(message)
            await peer.socket.send(message)  # twice
        peer.machine.interrupt("energy")
        await peer.until(lambda: len(peer.kinds("tool_result")) == 5)
        peer.machine.end()
        await peer.stay()

    async def good(arguments: dict[str, Any]) -> object:
        await asyncio.sleep(0)
        return arguments

    async def broken(arguments: dict[str, Any]) -> object:
        raise KeyError(KEY)

    async def slow(arguments: dict[str, Any]) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    tools = tuple(Tool(name=name, timeout=0.3) for name in ("good", "broken", "slow", "asked"))
    handlers = {"good": good, "broken": broken, "slow": slow}
    async with omni_service(call) as service:
        async with OmniStream(service.endpoint, OmniOptions(tools=tools), handlers=handlers) as omni:
            events: list[OmniEvent] = []
            async with asyncio.timeout(20):
                async for event in omni:
                    events.append(event)
                    if isinstance(event, ToolCalled) and event.name == "asked":
                        omni.fail(event.call_id, "not today")
                        omni.answer(event.call_id, "twice")
        results = {
            each["call_id"]: each.get("result", each.get("error")) for each in service.peers[0].kinds("tool_result")
        }
        assert len(service.peers[0].kinds("tool_result")) == 5
    assert results == {
        "tc_1": {"n": 1},
        "tc_2": "the tool failed (KeyError)",
        "tc_3": "the tool did not answer in time",
        "tc_4": "there is no tool unknown",
        "tc_5": "not today",
    }
    assert [each for each in events if isinstance(each, ToolCallClosed)] == [ToolCallClosed("tc_3", "timeout")]
    assert cancelled.is_set()


async def test_work_for_a_lost_call_stops() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def call_and_break(peer: Peer) -> None:
        await peer.configured()
        peer.machine.tool_call("lookup_order", {}, asyncio.get_running_loop().time())
        await peer.until(started.is_set)
        peer.socket.transport.abort()

    async def lookup(arguments: dict[str, Any]) -> object:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    options = OmniOptions(tools=(Tool(name="lookup_order", timeout=30),))
    async with (
        omni_service(call_and_break, stay) as service,
        OmniStream(service.endpoint, options, handlers={"lookup_order": lookup}) as omni,
    ):
        assert (await next_of(ToolCallClosed, omni)).reason == "disconnected"
        async with asyncio.timeout(5):
            await cancelled.wait()


async def test_work_stops_when_the_stream_is_closed() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def call(peer: Peer) -> None:
        await peer.configured()
        peer.machine.tool_call("lookup_order", {}, asyncio.get_running_loop().time())
        await peer.stay()

    async def lookup(arguments: dict[str, Any]) -> object:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    options = OmniOptions(tools=(Tool(name="lookup_order", timeout=30),))
    async with omni_service(call) as service:
        omni = OmniStream(service.endpoint, options, handlers={"lookup_order": lookup})
        omni.start()
        async with asyncio.timeout(20):
            await started.wait()
        await omni.aclose()
    assert cancelled.is_set()
