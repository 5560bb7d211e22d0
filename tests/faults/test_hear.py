"""Hear on every host: whatever happens to the connection, each 20 ms of the caller is heard once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyai_voice.testing import (
    Abort,
    Close,
    CloseAfterFinal,
    Delay,
    DuplicateFinal,
    ErrorFrame,
    FaultyServer,
    HangUp,
    HearFault,
    LateFinal,
    NoFinal,
    Refuse,
    Stall,
    coded_speech,
    frames_in,
    silence,
)

from .caller import COUNT, NEXT_UTTERANCE, REAL_TIME, SECOND, UTTERANCE, check_turns, talk
from .conftest import Everywhere, Serve, Start, name
from .hosts.facts import END, ERROR, FINAL, Bot
from .hosts.livekit import LiveKitBot

if TYPE_CHECKING:
    from pyai_voice.testing.lines import HearLine

LIVEKIT_TRIES = 4
"""A session asks for a new stream three times before it closes; each is refused from memory, without a dial."""

CUTS = [
    Abort(after_bytes=SECOND),
    Close(1011, after_bytes=SECOND),
    Close(1000, after_bytes=SECOND),
    Close(1012, after_bytes=SECOND),
    Close(4429, after_bytes=SECOND),
    ErrorFrame("engine_unavailable", after_bytes=SECOND),
    ErrorFrame("concurrency_limit_exceeded", flat=True, after_bytes=SECOND),
]


ODDITIES = [LateFinal(0.5), LateFinal(1.5), NoFinal(), DuplicateFinal(), CloseAfterFinal()]

BAD_STARTS = [
    [Refuse(503)],
    [Refuse(500), Refuse(502), Refuse(504, body=b"<html>Gateway time-out</html>")],
    [Refuse(429, "concurrency_limit_exceeded")],
    [HangUp(), HangUp()],
    [Abort(after_bytes=0)],
    [Close(1012, after_bytes=0), Close(1011, after_bytes=0)],
    [Abort(after_bytes=SECOND), Refuse(503), Abort(after_bytes=SECOND // 2), Close(1011, after_bytes=SECOND)],
]


class LoseAnswer(HearFault):
    """The connection breaks at the answer to the first commit."""

    async def tell(self, line: HearLine, message: str) -> None:
        if "client_commit" in message:
            line.abort()
        else:
            await line.say(message)


@pytest.mark.parametrize("fault", CUTS, ids=name)
async def test_a_cut_utterance_is_heard_whole_and_once(serve: Serve, start: Start, fault: HearFault) -> None:
    async with serve(hear=[fault]) as server, start(server) as bot:
        await talk(bot)
        await bot.facts.until(END)
    check_turns(bot.facts)
    assert bot.facts.all(ERROR) == []
    assert len(server.streams) == 2


@pytest.mark.parametrize("fault", ODDITIES, ids=name)
async def test_a_turn_ends_once_however_its_final_comes(serve: Serve, everywhere: Everywhere, fault: HearFault) -> None:
    async def scenario(start: Start) -> None:
        async with serve(hear=[fault]) as server, start(server) as bot:
            await talk(bot, UTTERANCE)
            await bot.facts.until(END)
            await talk(bot, NEXT_UTTERANCE)
            await bot.facts.until(END, 2)
        check_turns(bot.facts, 2 * COUNT, turns=2)
        assert bot.facts.all(ERROR) == []

    await everywhere(scenario)


@pytest.mark.parametrize("faults", BAD_STARTS, ids=name)
async def test_no_first_word_is_lost_by_a_bad_start(serve: Serve, start: Start, faults: list[HearFault]) -> None:
    async with serve(hear=faults) as server, start(server) as bot:
        await talk(bot)
        await bot.facts.until(END)
    check_turns(bot.facts)
    assert bot.facts.all(ERROR) == []
    assert len(server.streams) == len(faults) + 1


async def test_first_words_wait_for_a_connection_that_takes_three_seconds(serve: Serve, everywhere: Everywhere) -> None:
    async def scenario(start: Start) -> None:
        async with serve(hear=[Delay(3.0)]) as server, start(server) as bot:
            await talk(bot, pace=REAL_TIME)
            await bot.facts.until(END)
        check_turns(bot.facts)
        assert len(server.streams) == 1

    await everywhere(scenario)


async def test_a_busy_server_is_asked_again_when_it_said_and_not_before(serve: Serve, everywhere: Everywhere) -> None:
    async def scenario(start: Start) -> None:
        busy = Refuse(429, "concurrency_limit_exceeded", retry_after=2)
        async with serve(hear=[busy]) as server, start(server) as bot:
            await talk(bot)
            await bot.facts.until(END)
        first, second = server.streams
        assert second.at - first.at >= 2.0
        check_turns(bot.facts)
        assert bot.facts.all(ERROR) == []

    await everywhere(scenario)


async def interrupted(server: FaultyServer, bot: Bot, seconds: float) -> None:
    """Take the server away in mid-utterance while the caller talks on at the speed of speech."""
    talking = asyncio.create_task(talk(bot, coded_speech(COUNT + round(50 * seconds)) + silence(0.6), REAL_TIME))
    await server.until(lambda: bool(server.streams) and len(server.streams[0].audio) >= SECOND)
    await server.outage(seconds)
    await talking
    await bot.facts.until(END)


@pytest.mark.parametrize("seconds", [0, 2, pytest.param(9, marks=pytest.mark.slow)])
async def test_an_outage_costs_no_word(serve: Serve, everywhere: Everywhere, seconds: int) -> None:
    async def scenario(start: Start) -> None:
        async with serve() as server, start(server) as bot:
            await interrupted(server, bot, seconds)
        check_turns(bot.facts, COUNT + 50 * seconds)
        assert bot.facts.all(ERROR) == []

    await everywhere(scenario)


@pytest.mark.slow
async def test_a_half_open_socket_is_found_within_ten_seconds(serve: Serve, everywhere: Everywhere) -> None:
    async def scenario(start: Start) -> None:
        async with serve(hear=[Stall(after_bytes=SECOND)]) as server, start(server) as bot:
            await talk(bot)
            await bot.facts.until(END)
        check_turns(bot.facts)
        stalled, replay = server.streams
        assert replay.at - stalled.at < 12.0  # of which up to one passed before the stall

    await everywhere(scenario)


async def test_a_connection_lost_between_two_turns_costs_neither(serve: Serve, start: Start) -> None:
    async with serve() as server, start(server) as bot:
        await talk(bot, UTTERANCE)
        await bot.facts.until(END)
        await server.outage(0)
        await talk(bot, NEXT_UTTERANCE)
        await bot.facts.until(END, 2)
    check_turns(bot.facts, 2 * COUNT, turns=2)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refusal_for_good_is_one_error(serve: Serve, everywhere: Everywhere, status: int) -> None:
    async def scenario(start: Start) -> None:
        async with serve(hear=[Refuse(status)] * 20) as server, start(server) as bot:
            await bot.facts.until(ERROR)
            await talk(bot, pace=REAL_TIME)  # a bot whose caller talks on must not dial on
        assert len(server.streams) <= 2
        assert len({str(error) for error in bot.facts.all(ERROR)}) == 1
        assert len(bot.facts.all(ERROR)) <= (LIVEKIT_TRIES if isinstance(bot, LiveKitBot) else 1)
        assert bot.facts.all(FINAL) == []

    await everywhere(scenario)


@pytest.mark.parametrize("faults", [[], [Abort(after_bytes=SECOND)], [LoseAnswer()]], ids=name)
async def test_a_commit_is_answered_once(serve: Serve, start: Start, faults: list[HearFault]) -> None:
    async with serve(hear=faults) as server, start(server, commits=True) as bot:
        await talk(bot, coded_speech(COUNT))
        await bot.commit()
        await bot.facts.until(FINAL)
        await talk(bot, coded_speech(COUNT, first=COUNT))
        await bot.commit()
        await bot.facts.until(FINAL, 2)
    assert frames_in(*bot.facts.all(FINAL)) == list(range(2 * COUNT))
    assert len(bot.facts.all(FINAL)) == 2
    assert bot.facts.all(ERROR) == []
