"""Omni over real sockets: the caller's audio and the agent's."""

from __future__ import annotations

import asyncio
import time

import pytest

from pyai_voice.errors import ConfigurationError
from pyai_voice.events import AudioLost
from pyai_voice.omni_events import Configured, Interrupted, OmniEvent, ReplyAudio, ReplyEnded, ReplyStarted, ReplyText
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.omni_stream_support import SLOT, collect, next_of, stream

# The caller's audio


@pytest.mark.conforms("O-07")
async def test_silence_is_sent_one_message_for_each_slot_and_never_more_than_real_time() -> None:
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            await next_of(Configured, omni)
            peer = service.peers[0]
            async with asyncio.timeout(20):
                await peer.has(lambda: len(peer.slots) >= 50)
        sizes = {size for _, size in peer.slots}
        assert sizes == {SLOT} and not any(peer.audio)
        passed = peer.slots[49][0] - peer.slots[0][0]
        assert passed >= 49 * 0.02 - 0.05


@pytest.mark.conforms("O-07")
async def test_what_was_missed_is_not_made_up_by_a_burst() -> None:
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            await next_of(Configured, omni)
            peer = service.peers[0]
            before, began = len(peer.slots), asyncio.get_running_loop().time()
            time.sleep(0.5)  # noqa: ASYNC251 - the loop is to be late
            async with asyncio.timeout(20):
                await peer.has(lambda: len(peer.slots) >= before + 13)
            passed = asyncio.get_running_loop().time() - began
            assert passed - 0.5 >= 10 * 0.015


async def test_what_was_missed_is_made_up_for_little_by_little() -> None:
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            await next_of(Configured, omni)
            peer = service.peers[0]
            time.sleep(0.3)  # noqa: ASYNC251 - the loop is to be late, by 15 slots

            def caught_up() -> bool:
                passed = asyncio.get_running_loop().time() - peer.slots[0][0]
                return len(peer.slots) >= passed / 0.02 - 13  # some are lost where the machine is later still

            async with asyncio.timeout(20):
                await peer.has(caught_up)


async def test_the_callers_audio_arrives_whole_between_silence() -> None:
    speech = bytes(range(1, 251)) * 64  # 0.5 s
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            for at in range(0, len(speech), 333):
                omni.send_audio(speech[at : at + 333])
            await next_of(Configured, omni)
            peer = service.peers[0]
            async with asyncio.timeout(20):
                await peer.has(lambda: speech in peer.audio)
            assert {size for _, size in peer.slots} == {SLOT}


async def test_audio_that_was_dropped_before_the_first_connection_is_told_of() -> None:
    async with omni_service(stay) as service, stream(service) as omni:
        omni.send_audio(b"\x01\x01" * 16_000 * 3)
        assert (await next_of(AudioLost, omni)).seconds == pytest.approx(1.0)


async def test_a_muted_caller_is_silent_and_too_much_audio_is_told_of() -> None:
    async with omni_service(stay) as service:
        async with stream(service, input_rate=48000) as omni:
            await next_of(Configured, omni)
            omni.mute()
            omni.send_audio(b"\x01\x01" * 48_000)
            peer = service.peers[0]
            before = len(peer.slots)
            async with asyncio.timeout(20):
                await peer.has(lambda: len(peer.slots) >= before + 5)
            assert not any(peer.audio)
            omni.mute(False)
            omni.send_audio(b"\x01\x01" * 48_000 * 4)
            assert (await next_of(AudioLost, omni)).seconds == pytest.approx(2.0, abs=0.1)


# The agent's audio


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
async def test_the_agents_audio_comes_at_the_rate_that_was_asked_for_and_whole(rate: int) -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(10):
            peer.machine.audio(b"\x10\x00" * 1_200)
        await peer.stay()

    async with omni_service(speak) as service, stream(service, output_rate=rate) as omni:
        events: list[OmniEvent] = []
        ended = await next_of(ReplyEnded, omni, events)
        pieces = [each for each in events if isinstance(each, ReplyAudio)]
        assert {(each.rate, each.reply) for each in pieces} == {(rate, ended.reply)}
        assert abs(sum(len(each.pcm) for each in pieces) // 2 - rate // 2) <= 1
        assert ended.seconds == pytest.approx(0.5)


async def test_after_a_flush_nothing_of_the_turn_is_delivered_even_if_it_waits_to_be_read() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(20):
            peer.machine.audio(bytes(9_600))
        peer.machine.agent_said("Once upon a time")
        peer.machine.interrupt("energy")
        peer.machine.turn_begin()
        peer.machine.audio(b"\x01\x00" * 480)
        peer.machine.end()
        await peer.stay()

    async with omni_service(speak) as service, stream(service) as omni:
        async with asyncio.timeout(20):
            await service.gone.wait()
        await omni.aclose()
        events, error = await collect(omni)
    assert error is None
    assert [each.pcm for each in events if isinstance(each, ReplyAudio)] == [b"\x01\x00" * 480]
    assert not [each for each in events if isinstance(each, ReplyText)]
    assert [type(each) for each in events if isinstance(each, ReplyStarted | Interrupted | ReplyEnded)] == [
        ReplyStarted,
        Interrupted,
        ReplyEnded,
        ReplyStarted,
        ReplyEnded,
    ]


async def test_our_own_interruption_lasts_until_the_next_turn() -> None:
    go_on = asyncio.Event()

    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(bytes(48_000))
        await peer.until(go_on.is_set)
        peer.machine.audio(bytes(48_000))
        peer.machine.turn_begin()
        peer.machine.audio(b"\x01\x00" * 480)
        await peer.stay()

    async with omni_service(speak) as service, stream(service) as omni:
        await next_of(ReplyAudio, omni)
        omni.interrupt()
        assert await next_of(Interrupted, omni) == Interrupted("r1", "client")
        go_on.set()
        assert (await next_of(ReplyAudio, omni)).pcm == b"\x01\x00" * 480


async def test_events_that_nobody_reads_end_the_stream() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(40):
            peer.machine.audio(bytes(480_000))
            await peer.flush()
        await peer.stay()

    async with omni_service(speak) as service:
        omni = stream(service)
        omni.start()
        async with asyncio.timeout(20):
            await service.gone.wait()
        _, error = await collect(omni)
        assert isinstance(error, ConfigurationError) and error.code == "events_not_read"
        await omni.aclose()
