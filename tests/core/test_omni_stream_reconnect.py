"""Omni over real sockets: lost connections, refusals, and what the service does not confirm."""

from __future__ import annotations

import asyncio

import pytest

from pyai_voice.errors import (
    AuthenticationError,
    ConnectivityError,
    PermissionDeniedError,
    ProtocolError,
    PyAIError,
    RequestError,
    ServerError,
    StalledError,
)
from pyai_voice.events import Connected, Disconnected, Problem
from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import Configured, OmniEvent
from pyai_voice.options import Endpoint, LinkOptions
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.omni_stream_support import collect, next_of, stream
from tests.core.scripted import KEY


@pytest.mark.conforms("O-17")
@pytest.mark.parametrize(
    ("code", "kind"), [(1008, AuthenticationError), (4401, AuthenticationError), (4403, PermissionDeniedError)]
)
async def test_a_refusal_for_good_is_final_at_once(code: int, kind: type[PyAIError]) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.configured()
        await peer.socket.close(code, "no")

    async with omni_service(refuse) as service, stream(service) as omni:
        _, error = await collect(omni)
        assert type(error) is kind
        assert len(service.dials) == 1


@pytest.mark.conforms("O-17")
@pytest.mark.parametrize("code", [1011, 4429, None])
async def test_after_a_lost_connection_a_new_call_is_configured_with_what_was_said(code: int | None) -> None:
    async def break_off(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.agent_said("Tea or coffee?")
        peer.machine.caller_said("Tea")
        peer.machine.turn_begin()
        await peer.flush()
        if code is None:
            peer.socket.transport.abort()
        else:
            await peer.socket.close(code)

    async with omni_service(break_off, stay) as service:
        async with stream(service, persona="You sell tea.", greeting="Hello") as omni:
            events: list[OmniEvent] = []
            await next_of(Disconnected, omni, events)
            lost_at = asyncio.get_running_loop().time()
            await next_of(Configured, omni, events)
        assert service.dials[1] - lost_at >= 0.95
        first, second = (peer.kinds("configure")[0] for peer in service.peers)
        assert (first["persona"], first["greeting"]) == ("You sell tea.", "Hello")
        assert second["persona"].endswith("\nYou: Tea or coffee?\nCaller: Tea") and second["greeting"] == ""
        assert [each.connection for each in events if isinstance(each, Connected)] == [1, 2]


async def test_a_busy_service_is_asked_again_when_it_said() -> None:
    async with omni_service(stay, refusals=[(429, {"Retry-After": "1"}), (503, {})]) as service:
        async with stream(service) as omni:
            omni.send_audio(b"\x01\x01" * 16_000)
            await next_of(Configured, omni)
        assert len(service.dials) == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError), (400, RequestError)]
)
async def test_a_refused_upgrade_is_final(status: int, kind: type[PyAIError]) -> None:
    async with omni_service(stay, refusals=[(status, {})]) as service, stream(service) as omni:
        events, error = await collect(omni)
        assert events == [] and type(error) is kind


async def test_an_outage_that_lasts_is_one_error() -> None:
    omni = OmniStream(
        Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"), link=LinkOptions(ride_through=0.5, open_timeout=1)
    )
    async with omni:
        events, error = await collect(omni)
    assert isinstance(error, ConnectivityError)
    assert {type(each) for each in events} == {Disconnected}


async def test_a_configure_that_is_not_confirmed_is_final_and_says_what_may_be_dropped() -> None:
    async def mute(peer: Peer) -> None:
        peer.confirms = False
        await stay(peer)

    async with omni_service(mute) as service, stream(service, voice="onyx", confirm_timeout=0.2) as omni:
        _, error = await collect(omni)
        assert isinstance(error, StalledError) and "voice_id" in str(error)
        assert len(service.dials) == 1


async def test_a_configure_that_is_confirmed_otherwise_is_final() -> None:
    async def other(peer: Peer) -> None:
        peer.confirms = False
        await peer.configured()
        peer.machine.confirm(voice="echo", language="en", greeting=False, knowledge=False, tools=0)
        await peer.stay()

    async with omni_service(other) as service, stream(service, voice="onyx") as omni:
        _, error = await collect(omni)
        assert isinstance(error, RequestError) and "voice onyx (echo is used)" in str(error)


async def test_what_the_service_says_before_it_closes_is_the_error() -> None:
    async def fail(peer: Peer) -> None:
        await peer.configured()
        await peer.socket.send(b'\x01{"detail":"unknown voice zoe"}')
        await peer.socket.close(1011)

    async with omni_service(fail) as service, stream(service) as omni:
        events, error = await collect(omni)
        assert "unknown voice zoe" in str(error) and not isinstance(error, ServerError)
        assert [each for each in events if isinstance(each, Problem)]


async def test_an_address_that_speaks_openais_events_is_named() -> None:
    async def other(peer: Peer) -> None:
        await peer.socket.send('{"type":"session.created"}')
        await peer.stay()

    async with omni_service(other) as service, stream(service, surface="realtime") as omni:
        _, error = await collect(omni)
        assert isinstance(error, ProtocolError) and error.code == "openai_realtime"


@pytest.mark.slow
async def test_a_connection_that_is_deaf_is_given_up() -> None:
    async def deaf(peer: Peer) -> None:
        await peer.configured()
        await peer.stay()

    async with omni_service(deaf, stay) as service:
        link = LinkOptions(silence_from_server=0.5)
        async with OmniStream(service.endpoint, link=link) as omni:
            await next_of(Configured, omni)
            async with asyncio.timeout(20):
                reading = asyncio.create_task(next_of(Disconnected, omni))
                while not reading.done():
                    omni.send_audio(b"\x00\x40" * 320)
                    await asyncio.sleep(0.02)
            assert isinstance((await reading).error, StalledError)
