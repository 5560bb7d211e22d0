"""Custom transcriber over real sockets: both channels, lost connections below, what is refused, who hangs up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pyai_voice.events import SpeechStarted, Transcript, TurnEnded
from pyai_voice.options import LinkOptions
from pyai_voice.testing import coded_speech, frames_in, silence
from pyai_voice.testing.faults import Abort, Close, Delay, Hang, Healthy, Refuse, Stall
from tests.plugins.vapi.vapi_house import SECRET, START, Lines, house, stereo
from vapi_pyai import VapiOptions
from vapi_pyai.stereo import Deinterleaver
from vapi_pyai.telling import Teller

PIECE = 2 * 640
"""20 ms of both channels."""


async def begin(socket: ClientConnection, **more: Any) -> None:
    await socket.send(json.dumps({**START, **more}))


async def send(socket: ClientConnection, audio: bytes, size: int = PIECE) -> None:
    for at in range(0, len(audio), size):
        await socket.send(audio[at : at + size])
        await asyncio.sleep(0)


async def until_final(socket: ClientConnection, channel: str = "customer") -> list[dict[str, str]]:
    """Return all messages up to the first final of a channel."""
    messages: list[dict[str, str]] = []
    async with asyncio.timeout(20):
        while not messages or (messages[-1]["channel"], messages[-1]["transcriptType"]) != (channel, "final"):
            messages.append(json.loads(await socket.recv()))
    return messages


async def test_the_customer_is_transcribed_and_the_assistant_is_not() -> None:
    async with house() as there, there.transcriber() as socket:
        await begin(socket)
        await send(socket, stereo(coded_speech(50) + silence(1.5), coded_speech(50, first=500)))
        *partials, final = await until_final(socket)
        assert final == {
            "type": "transcriber-response",
            "transcription": "0-49.",
            "channel": "customer",
            "transcriptType": "final",
        }
        assert partials
        assert {each["channel"] for each in partials} == {"customer"}
        assert all(each["transcription"] for each in partials)
        assert len(there.pyai.streams) == 1
        assert there.pyai.streams[0].query["sample_rate"] == "16000"


@pytest.mark.parametrize(("query", "options"), [("?assistant=true", {}), ("", {"assistant_channel": True})])
async def test_the_assistant_is_transcribed_when_that_is_wanted(query: str, options: dict[str, Any]) -> None:
    async with house(VapiOptions(**options)) as there, there.transcriber(query) as socket:
        await begin(socket)
        await send(socket, stereo(silence(1.0), coded_speech(40, first=500) + silence(1.5)))
        *_, assistant = await until_final(socket, "assistant")
        await send(socket, stereo(coded_speech(30) + silence(1.5)))
        *_, customer = await until_final(socket)
        assert (assistant["transcription"], customer["transcription"]) == ("500-539.", "0-29.")
        assert len(there.pyai.streams) == 2


async def test_each_utterance_is_said_once_without_what_was_before() -> None:
    async with house() as there, there.transcriber() as socket:
        await begin(socket)
        for first in (0, 100, 200):
            await send(socket, stereo(coded_speech(30, first=first) + silence(1.5)))
            assert (await until_final(socket))[-1]["transcription"] == f"{first}-{first + 29}."


@pytest.mark.parametrize("size", [7, 4096 + 1])
async def test_pieces_may_be_cut_anywhere(size: int) -> None:
    async with house() as there, there.transcriber() as socket:
        await begin(socket)
        await send(socket, stereo(coded_speech(10, first=7) + silence(1.2)), size)
        assert (await until_final(socket))[-1]["transcription"] == "7-16."


async def test_one_channel_is_the_customers() -> None:
    async with house() as there, there.transcriber("?assistant=true") as socket:
        await begin(socket, channels=1)
        await send(socket, coded_speech(20) + silence(1.2))
        assert (await until_final(socket))[-1]["transcription"] == "0-19."
        assert len(there.pyai.streams) == 1


@pytest.mark.parametrize("fault", [Abort(after_bytes=16000), Close(1011, after_bytes=16000), Delay(0.5)])
async def test_hear_may_be_lost_and_vapi_does_not_notice(fault: Any) -> None:
    async with house(hear=[fault]) as there, there.transcriber() as socket:
        await begin(socket)
        await send(socket, stereo(coded_speech(50) + silence(1.5)))
        messages = await until_final(socket)
        finals = [each["transcription"] for each in messages if each["transcriptType"] == "final"]
        assert [frames_in(text) for text in finals] == [list(range(50))]
        assert len(there.pyai.streams) == (1 if isinstance(fault, Delay) else 2)


async def test_a_mute_hear_is_replaced_and_nothing_is_lost() -> None:
    link = LinkOptions(silence_from_server=0.5, ping=0.4)
    async with house(VapiOptions(link=link), hear=[Stall(after_bytes=6400)]) as there, there.transcriber() as socket:
        await begin(socket)
        await send(socket, stereo(coded_speech(40) + silence(1.5)))
        assert (await until_final(socket))[-1]["transcription"] == "0-39."
        assert len(there.pyai.streams) == 2


async def test_hear_that_is_gone_for_good_closes_the_socket_so_that_vapi_falls_back(log: Lines) -> None:
    link = LinkOptions(ride_through=0.3, first_delay=0.02, longest_delay=0.05)
    async with house(VapiOptions(link=link), hear=[Refuse(503, "upstream_error")] * 99) as there:
        async with there.transcriber() as socket:
            await begin(socket)
            with pytest.raises(ConnectionClosed):
                await until_final(socket)
            assert (socket.close_code, socket.close_reason) == (1011, "PyAI: upstream_error")
    (line,) = log.lines
    assert line.startswith("transcriber 502, PyAI: upstream_error, ")


async def test_a_key_that_pyai_refuses_is_a_failure_of_ours() -> None:
    async with house(hear=[Refuse(401, "unauthorized")]) as there, there.transcriber() as socket:
        await begin(socket)
        with pytest.raises(ConnectionClosed):
            await until_final(socket)
        assert socket.close_code == 1011
        assert there.pyai.api_key not in socket.close_reason


async def test_the_assistants_stream_may_fail_alone(log: Lines) -> None:
    async with house(hear=[Healthy(), Refuse(401, "unauthorized")]) as there:
        async with there.transcriber("?assistant=true") as socket:
            await begin(socket)
            await send(socket, stereo(coded_speech(30) + silence(1.5), coded_speech(30, first=500)))
            assert (await until_final(socket))[-1]["transcription"] == "0-29."
    assert "the assistant is not transcribed any more" in log.lines[0]


async def test_vapi_that_hangs_up_leaves_no_stream_behind(log: Lines) -> None:
    async with house() as there:
        async with there.transcriber("?assistant=true&call_id=call-1") as socket:
            await begin(socket)
            await send(socket, stereo(coded_speech(10)))
            await there.pyai.until(lambda: sum(each.accepted for each in there.pyai.streams) == 2)
        await there.pyai.until(lambda: not any(each.open for each in there.pyai.streams))
    (line,) = log.lines
    assert line.startswith("transcriber hung up, ")
    assert line.endswith("call 'call-1'")


async def test_vapi_that_hangs_up_while_hear_is_dialled_leaves_no_dial_behind() -> None:
    async with house(hear=[Hang()]) as there:
        async with there.transcriber() as socket:
            await begin(socket)
            await there.pyai.until(lambda: there.pyai.streams)
        await there.pyai.until(lambda: not there.pyai.streams[0].open)


async def test_who_may_not_ask_gets_401_before_the_upgrade(log: Lines) -> None:
    async with house() as there:
        for headers in ({}, {"x-vapi-secret": "wrong_canary"}, {"authorization": f"Bearer {SECRET}"}):
            log.lines.clear()
            with pytest.raises(InvalidStatus) as refused:
                await there.transcriber(additional_headers=headers)
            assert refused.value.response.status_code == 401
            (line,) = log.lines
            assert line.startswith("transcriber 401")
            assert "canary" not in line
        assert not there.pyai.streams


NO_STARTS: list[tuple[str | bytes, int]] = [
    ("", 1008),
    ("{", 1008),
    ("[]", 1008),
    (b"\0\0\0\0", 1008),
    (json.dumps({**START, "type": "stop"}), 1008),
    (json.dumps({**START, "encoding": "mulaw"}), 1008),
    (json.dumps({**START, "container": "wav"}), 1008),
    (json.dumps({**START, "sampleRate": 4000}), 1008),
    (json.dumps({**START, "sampleRate": "fast"}), 1008),
    (json.dumps({**START, "channels": 3}), 1008),
    (json.dumps({**START, "more": "x" * 2000}), 1009),
]


async def test_a_first_message_that_is_no_start_closes_the_socket(log: Lines) -> None:
    async with house(VapiOptions(max_message=1024)) as there:
        for first, code in NO_STARTS:
            async with there.transcriber() as socket:
                await socket.send(first)
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
                assert (socket.close_code, bool(socket.close_reason)) == (code, True), first
        assert not there.pyai.streams
    assert len(log.lines) == len(NO_STARTS)


async def test_silence_instead_of_a_start_is_given_up() -> None:
    async with house(VapiOptions(stall=0.2)) as there, there.transcriber() as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008


async def test_a_call_without_audio_is_given_up_and_its_stream_with_it() -> None:
    async with house(VapiOptions(idle=0.3)) as there, there.transcriber() as socket:
        await begin(socket)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1008
        await there.pyai.until(lambda: not any(each.open for each in there.pyai.streams))


async def test_one_call_too_many_is_told_to_come_again() -> None:
    async with house(VapiOptions(most=1)) as there, there.transcriber() as socket:
        await begin(socket)
        with pytest.raises(InvalidStatus) as refused:
            await there.transcriber()
        response = refused.value.response
        assert (response.status_code, response.headers["retry-after"]) == (429, "1")


async def test_what_vapi_may_say_one_day_is_passed_over() -> None:
    async with house() as there, there.transcriber() as socket:
        await begin(socket, call={"id": "call-1"}, version=2)
        await socket.send('{"type":"ping"}')
        await send(socket, stereo(coded_speech(20) + silence(1.2)))
        assert (await until_final(socket))[-1]["transcription"] == "0-19."


@given(samples=st.lists(st.integers(-32768, 32767), max_size=60), channels=st.sampled_from((1, 2)), cuts=st.data())
def test_channels_come_apart_the_same_however_they_are_cut(samples: list[int], channels: int, cuts: Any) -> None:
    whole = b"".join(each.to_bytes(2, "little", signed=True) for each in samples)
    splitter, found = Deinterleaver(channels), [b""] * channels
    while whole:
        size = cuts.draw(st.integers(1, len(whole)))
        for channel, pcm in enumerate(splitter.feed(whole[:size])):
            found[channel] += pcm
        whole = whole[size:]
    frames = len(samples) // channels
    for channel, pcm in enumerate(found):
        wanted = samples[channel : frames * channels : channels]
        assert pcm == b"".join(each.to_bytes(2, "little", signed=True) for each in wanted)


def test_words_that_vanish_are_taken_back_and_the_same_words_are_told_once() -> None:
    teller = Teller("customer")
    events = [
        SpeechStarted("u1", 0.0),
        Transcript("hel", "u1"),
        Transcript("hel", "u1"),
        TurnEnded("u1", "endpoint", 1.0),
        TurnEnded("u2", "endpoint", 2.0),
    ]
    told = [message for event in events if (message := teller.tell(event))]
    assert [(each["transcription"], each["transcriptType"]) for each in told] == [("hel", "partial"), ("", "final")]
