"""Omni over real sockets: a conversation, what the program says, the end, and what is left behind."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from pyai_voice.errors import ConfigurationError, ConnectivityError, UnsupportedError
from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import CallEnded, CallerTranscript, CallStarted, Configured, OmniEvent, ReplyAudio
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.options import Endpoint
from pyai_voice.protocol.omni.server import ToolAnswered
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.omni_stream_support import SLOT, collect, next_of, stream
from tests.core.scripted import KEY

LOOKUP = Tool(name="lookup_order", timeout=0.3)


async def test_a_conversation() -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(bytes(4_800))
        peer.machine.agent_said("Hello.")
        await peer.until(lambda: len(peer.audio) >= 10 * SLOT)
        peer.machine.caller_said("Where is")
        peer.machine.caller_said(" my order?")
        peer.machine.turn_begin(0.4)
        call = peer.machine.tool_call("lookup_order", {"order_id": "9"}, asyncio.get_running_loop().time())
        await peer.until(lambda: peer.calls)
        assert peer.calls == [ToolAnswered(call, "lookup_order", {"status": "shipped", "order": "9"})]
        peer.machine.audio(bytes(4_800))
        peer.machine.agent_said("It was shipped.")
        peer.machine.end()
        await peer.flush()

    async def lookup(arguments: dict[str, Any]) -> object:
        return {"status": "shipped", "order": arguments["order_id"]}

    async with omni_service(converse) as service:
        options = OmniOptions(persona="You sell tea", greeting="Hello.", tools=(LOOKUP,))
        async with OmniStream(service.endpoint, options, handlers={"lookup_order": lookup}) as omni:
            events, error = await collect(omni)
    assert error is None
    assert [type(each).__name__ for each in events] == [
        "Connected", "CallStarted", "Configured",
        "AgentTurnBegan", "ReplyStarted", "ReplyAudio", "ReplyText",
        "ReplyEnded", "CallerTranscript", "CallerTranscript", "CallerTranscript", "AgentTurnBegan", "ToolCalled",
        "ReplyStarted", "ReplyAudio", "ReplyText", "ReplyEnded", "CallEnded",
    ]  # fmt: skip
    assert events[-1] == CallEnded("service")
    assert events[1] == CallStarted("call_0", 24000)
    assert [each.text for each in events if isinstance(each, CallerTranscript) and each.final] == ["Where is my order?"]


async def test_the_address_and_the_credential() -> None:
    async with omni_service(stay) as service:
        async with stream(service, session_label="tea", rate=8000) as omni:
            assert (await next_of(CallStarted, omni)).output_rate == 8000
            assert omni.call_id == "call_0"
        request = service.peers[0].socket.request
        assert request
        assert request.path == "/v1/omni?session_label=tea&format=pcm16&rate=8000"
        assert request.headers["Sec-WebSocket-Protocol"].replace(" ", "") == f"pyai.v1,pyai-key.{KEY}"


# What else the program says


async def test_options_digits_and_answers_reach_the_service() -> None:
    async with omni_service(stay) as service:
        async with stream(service, persona="A", voice="onyx") as omni:
            omni.update(persona="B")  # before there is a connection
            omni.press("1#")
            await next_of(Configured, omni)
            omni.update(persona="C")
            await next_of(Configured, omni)
            with pytest.raises(ConfigurationError, match="rate cannot change"):
                omni.update(rate=8000)
            with pytest.raises(ConfigurationError, match="digits"):
                omni.press("one")
        peer = service.peers[0]
        assert [each["persona"] for each in peer.kinds("configure")] == ["B", "C"]
        assert [each["voice_id"] for each in peer.kinds("configure")] == ["onyx", "onyx"]
        assert [each["digits"] for each in peer.kinds("dtmf")] == ["1", "#"]


# The end


@pytest.mark.conforms("O-16")
async def test_closing_says_goodbye_closes_with_1000_and_may_be_repeated() -> None:
    closed: list[int | None] = []

    async def note(peer: Peer) -> None:
        await stay(peer)
        await peer.socket.wait_closed()
        closed.append(peer.socket.close_code)

    async with omni_service(note) as service:
        omni = stream(service)
        omni.start()
        await next_of(Configured, omni)
        await asyncio.gather(omni.aclose(), omni.aclose())
        await omni.aclose()
        events, error = await collect(omni)
        assert error is None and events[-1] == CallEnded("client")
        assert omni.closed
        with pytest.raises(ConnectivityError):
            omni.send_audio(bytes(SLOT))
        omni.start()
    assert [each["type"] for each in service.peers[0].controls] == ["configure", "session_ending"]
    assert closed == [1000] and len(service.dials) == 1


async def test_a_connection_that_breaks_during_the_goodbye_is_no_error() -> None:
    async def drop(peer: Peer) -> None:
        await stay(peer)
        peer.socket.transport.abort()

    async with omni_service(drop) as service:
        omni = stream(service)
        omni.start()
        await next_of(Configured, omni)
        await omni.aclose()
        events, error = await collect(omni)
        assert error is None and events[-1] == CallEnded("client")


async def test_a_stream_that_was_never_started_closes_at_once() -> None:
    omni = OmniStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"))
    await omni.aclose()
    assert await collect(omni) == ([CallEnded("client")], None)
    started = OmniStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"))
    started.start()
    await started.aclose()
    assert await collect(started) == ([CallEnded("client")], None)


async def test_a_normal_close_by_the_service_is_the_end_of_the_call() -> None:
    async def leave(peer: Peer) -> None:
        await peer.configured()

    async with omni_service(leave) as service, stream(service) as omni:
        events, error = await collect(omni)
        assert error is None and events[-1] == CallEnded("service")
        assert len(service.dials) == 1


# Hygiene


async def test_a_provider_without_omni_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="omni"):
        OmniStream(Endpoint.audiopod("ap_0123456789abcdef"))


async def test_iterating_is_cancel_safe() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        for number in range(1, 21):
            peer.machine.caller_said(f"{number} ")
            await peer.flush()
            await peer.until(lambda: True)
        peer.machine.end()
        await peer.flush()

    async with omni_service(speak) as service, stream(service) as omni:
        events: list[OmniEvent] = []
        async with asyncio.timeout(20):
            while not isinstance(events[-1] if events else None, CallEnded):
                try:
                    async with asyncio.timeout(0.001):
                        events.append(await anext(omni))
                except TimeoutError:
                    continue
    texts = [each.text for each in events if isinstance(each, CallerTranscript) and not each.final]
    assert texts == [" ".join(map(str, range(1, count + 1))) for count in range(1, 21)]


async def test_the_key_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def refuse(peer: Peer) -> None:
        await peer.configured()
        await peer.socket.close(1008, f"bad key {KEY}")

    async with omni_service(refuse, refusals=[(503, {})]) as service, stream(service) as omni:
        _, error = await collect(omni)
        assert error is not None
        shown = f"{error!r} {error.__cause__!r} {error.__context__!r} {omni.options!r}"
    sent_by_us = "\n".join(each.getMessage() for each in caplog.records if each.name.startswith("pyai_voice"))
    assert KEY not in shown and KEY not in sent_by_us


async def test_many_streams_leave_no_task_behind() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(bytes(48_000))
        await peer.stay()

    before = asyncio.all_tasks()
    async with omni_service(speak) as service:
        streams = [stream(service) for _ in range(20)]
        for omni in streams:
            omni.start()
        assert len(await asyncio.gather(*[next_of(ReplyAudio, omni) for omni in streams])) == 20
        await asyncio.gather(*[omni.aclose() for omni in streams])
    assert asyncio.all_tasks() == before
