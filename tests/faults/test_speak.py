"""Speak on every host: whatever happens to a request, no sample is heard twice and the bot can speak on."""

from __future__ import annotations

import asyncio

import pytest

from pyai_voice.testing import (
    Abort,
    Delay,
    EmptyBody,
    Hang,
    HangUp,
    Healthy,
    JsonIn200,
    Refuse,
    SlowBody,
    SpeakFault,
    SplitSamples,
    Stall,
    WavHeaderWhenPcm,
    spoken,
)

from .conftest import Everywhere, Serve, Start, name
from .hosts.facts import ERROR

FIRST, SECOND, THIRD = "One large latte with oat milk.", "Anything else for you today?", "See you soon then."

HARMLESS: list[list[SpeakFault]] = [
    [SplitSamples(size=999)],
    [SplitSamples(size=99)],
    [SlowBody(size=4800, gap=0.02)],
    [Delay(1.0)],
    [Refuse(503)],
    [Refuse(500), Refuse(502, body=b"<html>Bad gateway</html>")],
    [Refuse(429, "rate_limit_exceeded")],
]
"""What the user of a bot hears nothing of."""

FATAL: list[SpeakFault] = [
    Refuse(400, "invalid_request"),
    JsonIn200("credit_exhausted"),
    JsonIn200("credit_exhausted", content_type="audio/pcm"),
    WavHeaderWhenPcm(),
    Refuse(200, headers={"content-type": "text/html"}, body=b"<html>Welcome to nginx!</html>"),
    Refuse(302, headers={"location": "http://127.0.0.2:9/"}),
]
"""What costs a sentence, before any of its audio."""


def same(audio: bytes | bytearray, *texts: str) -> bool:
    """Tell whether exactly this is heard; LiveKit may end a segment with 10 ms of silence."""
    whole = b"".join(map(spoken, texts))
    return audio.startswith(whole) and len(audio) - len(whole) <= 480 and not any(audio[len(whole) :])


def remainder(audio: bytes, *texts: str) -> bytes:
    """Take from the audio, in turn, as much as there is of each text's; return what is left, which should be nothing.

    A sample that is heard twice, or out of order, is left.
    """
    for text in texts:
        whole = spoken(text)
        same = next((at for at in range(0, len(whole), 2) if audio[at : at + 2] != whole[at : at + 2]), len(whole))
        audio = audio[same:]
    return audio


@pytest.mark.parametrize("faults", HARMLESS, ids=name)
async def test_what_can_be_mended_is_not_heard(serve: Serve, start: Start, faults: list[SpeakFault]) -> None:
    async with serve(speak=faults) as server, start(server) as bot:
        await bot.say(FIRST)
    assert same(bot.facts.audio, FIRST)
    assert bot.facts.all(ERROR) == []


async def cut_answer(serve: Serve, start: Start, fault: SpeakFault) -> None:
    async with serve(speak=[fault]) as server, start(server) as bot:
        await bot.say(FIRST)
        heard = bytes(bot.facts.audio)
        await bot.say(SECOND)
    assert heard
    assert remainder(heard, FIRST) == b""
    assert same(bot.facts.audio[len(heard) :], SECOND)
    assert [request.fields["input"] for request in server.requests] == [FIRST, SECOND]
    assert bot.facts.all(ERROR) != []


@pytest.mark.parametrize("after_bytes", [20_000, len(spoken(FIRST)) - 1])
async def test_a_cut_answer_is_not_begun_again(serve: Serve, start: Start, after_bytes: int) -> None:
    await cut_answer(serve, start, Abort(after_bytes=after_bytes))


@pytest.mark.parametrize("fault", FATAL, ids=name)
async def test_a_refused_sentence_is_told_and_the_next_one_spoken(
    serve: Serve, start: Start, fault: SpeakFault
) -> None:
    async with serve(speak=[fault]) as server, start(server) as bot:
        await bot.say(FIRST)
        assert bytes(bot.facts.audio) == b""
        assert bot.facts.all(ERROR) != []
        await bot.say(SECOND)
    assert same(bot.facts.audio, SECOND)


async def test_a_busy_server_is_asked_again_when_it_said_and_not_before(serve: Serve, everywhere: Everywhere) -> None:
    async def scenario(start: Start) -> None:
        async with serve(speak=[Refuse(429, "rate_limit_exceeded", retry_after=2)]) as server, start(server) as bot:
            await bot.say(FIRST)
        first, second = server.requests
        assert second.at - first.at >= 2.0
        assert same(bot.facts.audio, FIRST)
        assert bot.facts.all(ERROR) == []

    await everywhere(scenario)


async def test_a_server_that_is_away_for_a_second_is_waited_for(serve: Serve, start: Start) -> None:
    async with serve() as server, start(server) as bot:
        await bot.say(FIRST)
        await server.stop()
        saying = asyncio.create_task(bot.say(SECOND))
        await asyncio.sleep(1.0)
        await server.start()
        await saying
    assert same(bot.facts.audio, FIRST, SECOND)
    assert bot.facts.all(ERROR) == []


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refusal_for_good_is_one_error(serve: Serve, start: Start, status: int) -> None:
    async with serve(speak=[Refuse(status)] * 20) as server, start(server) as bot:
        await bot.say(FIRST)
    assert len(server.requests) <= 2
    assert len(bot.facts.all(ERROR)) == 1
    assert bytes(bot.facts.audio) == b""


@pytest.mark.parametrize("fault", [HangUp(), EmptyBody(), Abort(after_bytes=1)], ids=name)
async def test_after_a_request_that_comes_to_nothing_the_bot_speaks_on(
    serve: Serve, start: Start, fault: SpeakFault
) -> None:
    """LiveKit asks again, because nothing was heard yet."""
    async with serve(speak=[fault]) as server, start(server) as bot:
        await bot.say(FIRST)
        first = bytes(bot.facts.audio)
        await bot.say(SECOND)
    assert same(first, FIRST) or not any(first)
    assert same(bot.facts.audio[len(first) :], SECOND)


@pytest.mark.slow
async def test_a_server_that_takes_the_request_and_is_silent_is_given_up(serve: Serve, everywhere: Everywhere) -> None:
    async def scenario(start: Start) -> None:
        async with serve(speak=[Hang()] * 9) as server, start(server) as bot:
            await bot.say(FIRST)
            assert bot.facts.all(ERROR) != []
            server.speak.clear()
            await bot.say(SECOND)
        assert same(bot.facts.audio, SECOND)

    await everywhere(scenario)


@pytest.mark.slow
async def test_an_answer_that_stops_in_the_middle_is_given_up(serve: Serve, everywhere: Everywhere) -> None:
    async def scenario(start: Start) -> None:
        await cut_answer(serve, start, Stall(after_bytes=20_000))

    await everywhere(scenario)


async def test_an_interrupted_answer_is_not_paid_for_to_the_end(serve: Serve, start: Start) -> None:
    async with serve(speak=[SlowBody(size=4800, gap=0.05)]) as server, start(server) as bot:
        saying = asyncio.create_task(bot.say(FIRST))
        await server.until(lambda: bool(server.requests) and server.requests[0].sent > 9600)
        await bot.interrupt()
        await server.until(lambda: not server.requests[0].open)
        await saying
        assert server.requests[0].sent < len(spoken(FIRST))
        heard = len(bot.facts.audio)
        await bot.say(SECOND)
    assert same(bot.facts.audio[heard:], SECOND)
    assert bot.facts.all(ERROR) == []


@pytest.mark.parametrize("cut", [0, 1, 2])
async def test_of_three_sentences_one_is_cut_and_none_repeated(serve: Serve, start: Start, cut: int) -> None:
    faults = [Abort(after_bytes=20_000) if number == cut else Healthy() for number in range(3)]
    async with serve(speak=faults) as server, start(server) as bot:
        await bot.say(f"{FIRST} {SECOND} {THIRD}")
    texts = [request.fields["input"] for request in server.requests]
    assert remainder(bytes(bot.facts.audio), *texts) == b""
    assert len(texts) == len(set(texts))
