"""Who ends a turn on a Hear stream, and that no turn stays open: over real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from pyai_voice.errors import ConfigurationError, ConnectivityError, StalledError
from pyai_voice.events import (
    Connected,
    Disconnected,
    HearEvent,
    Problem,
    SpeechStarted,
    Transcript,
    TurnEnded,
    Verdict,
)
from pyai_voice.hear import HearStream
from pyai_voice.link import Link, websocket
from pyai_voice.options import CueOptions, Endpoint, HearOptions, LinkOptions, TurnPolicy
from tests.core.scripted import KEY, Peer, answer_commits, scripted, stay

SECOND = 32000
LOUD = (3000).to_bytes(2, "little") * (SECOND // 2)
SILENCE = bytes(SECOND)
PATIENT = 60.0
QUICK = HearOptions(turns=TurnPolicy(watchdog=0.4))
CUE = HearOptions(turns=TurnPolicy(authority="cue", deadline=0.2, watchdog=PATIENT), endpointing_ms=50)


async def turn(stream: HearStream) -> list[HearEvent]:
    """Read to the end of the next turn."""
    events: list[HearEvent] = []
    async with asyncio.timeout(20):
        async for event in stream:
            events.append(event)
            if isinstance(event, TurnEnded):
                return events
    raise AssertionError(f"no turn ended: {events}")


async def rest(stream: HearStream) -> list[HearEvent]:
    async with asyncio.timeout(20):
        return [event async for event in stream]


def only(events: Sequence[HearEvent], kind: type[HearEvent]) -> list[HearEvent]:
    return [event for event in events if isinstance(event, kind)]


def said(events: Sequence[HearEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Transcript) and event.final]


def last(events: list[HearEvent]) -> TurnEnded:
    assert isinstance(events[-1], TurnEnded)
    return events[-1]


async def say_half(peer: Peer, text: str = "half a", t_ms: int = 900) -> None:
    await peer.hear_audio(SECOND)
    await peer.say(type="partial", text=text, utterance_id="u", t_ms=t_ms)


async def half_then_answer(peer: Peer) -> None:
    await say_half(peer)
    await answer_commits(peer)


async def half_then_silent(peer: Peer) -> None:
    await say_half(peer)
    await stay(peer)


@pytest.mark.conforms("T-01")
@pytest.mark.parametrize("authority", ["cue", "framework", "client"])
async def test_at_its_watchdog_a_turn_is_ended_by_the_service_whoever_has_the_word(authority: str) -> None:
    options = HearOptions(turns=TurnPolicy(authority=authority, watchdog=0.4))  # type: ignore[arg-type] - one of three
    async with scripted(half_then_answer) as server, HearStream(server.endpoint, options) as stream:
        stream.send_audio(LOUD)
        events = await turn(stream)
    assert (last(events).reason, last(events).committed) == ("watchdog", False)
    assert said(events) == [last(events).text] == [f"{SECOND} bytes"]
    assert server.peers[0].texts == [{"type": "commit"}]


async def test_an_empty_answer_to_the_watchdog_ends_the_turn_without_a_transcript() -> None:
    async def forgets(peer: Peer) -> None:
        await say_half(peer)
        await peer.hear_commit()
        await peer.final("")
        await stay(peer)

    async with scripted(forgets) as server, HearStream(server.endpoint, QUICK) as stream:
        stream.send_audio(LOUD)
        events = await turn(stream)
    assert last(events) == TurnEnded("u1", "watchdog", last(events).at)
    assert said(events) == []


@pytest.mark.conforms("T-03")
async def test_without_an_answer_the_turn_ends_with_its_words_and_what_followed_them_is_sent_again() -> None:
    async with scripted(half_then_silent, answer_commits) as server, HearStream(server.endpoint, QUICK) as stream:
        stream.send_audio(LOUD + SILENCE)
        first = await turn(stream)
        stream.commit()
        second = await turn(stream)
    assert (last(first).reason, last(first).text, last(first).at) == ("watchdog", "half a", 0.9)
    assert last(second).committed
    assert said(first + second) == ["half a", f"{2 * SECOND - int(0.9 * SECOND)} bytes"]
    [lost] = only(second, Disconnected)
    assert isinstance(lost, Disconnected)
    assert isinstance(lost.error, StalledError)


async def test_what_a_connection_says_after_its_turn_was_ended_without_it_is_not_heard_twice() -> None:
    async def late(peer: Peer) -> None:
        await say_half(peer)
        await peer.hear_commit()
        while True:
            await asyncio.sleep(0.01)
            await peer.say(type="partial", text="half a", utterance_id="u", t_ms=950)

    async with scripted(late, answer_commits) as server, HearStream(server.endpoint, QUICK) as stream:
        stream.send_audio(LOUD)
        await turn(stream)
        async with asyncio.timeout(10):
            async for event in stream:
                assert not isinstance(event, SpeechStarted | Transcript)
                if isinstance(event, Connected):
                    break


@pytest.mark.conforms("T-01")
async def test_the_watchdog_watches_while_there_is_no_connection() -> None:
    again = asyncio.Event()
    dials = 0

    async def once_and_then_later(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
        nonlocal dials
        dials += 1
        if dials > 1:
            await again.wait()
        return await websocket(url, endpoint, options)

    async def half_then_gone(peer: Peer) -> None:
        await say_half(peer)
        peer.abort()

    async with scripted(half_then_gone, answer_commits) as server:
        async with HearStream(server.endpoint, QUICK, connect=once_and_then_later) as stream:
            stream.send_audio(LOUD)
            first = await turn(stream)
            stream.send_audio(LOUD)
            again.set()
            stream.commit()
            second = await turn(stream)
    assert (last(first).reason, last(first).at) == ("watchdog", 0.9)
    assert said(first + second) == ["half a", f"{2 * SECOND - int(0.9 * SECOND)} bytes"]
    assert len(only(first + second, Disconnected)) == 1


@pytest.mark.conforms("T-02")
async def test_where_cue_has_the_word_its_silence_has_a_deadline() -> None:
    async with scripted(half_then_answer) as server, HearStream(server.endpoint, CUE) as stream:
        stream.send_audio(LOUD + SILENCE)
        events = await turn(stream)
    assert (last(events).reason, last(events).committed) == ("deadline", False)
    assert said(events) == [f"{2 * SECOND} bytes"]


@pytest.mark.conforms("T-02")
async def test_an_outage_that_is_longer_than_the_deadline_cuts_no_utterance_in_two() -> None:
    again = asyncio.Event()
    dials = 0

    async def once_and_then_later(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
        nonlocal dials
        dials += 1
        if dials > 1:
            await again.wait()
        return await websocket(url, endpoint, options)

    async def half_then_gone(peer: Peer) -> None:
        await say_half(peer)
        peer.abort()

    async def hear_all(peer: Peer) -> None:
        await peer.hear_audio(2 * SECOND)
        await peer.final("half and whole", reason="endpoint")
        await stay(peer)

    async with scripted(half_then_gone, hear_all) as server:
        async with HearStream(server.endpoint, CUE, connect=once_and_then_later) as stream:
            stream.send_audio(LOUD + SILENCE)
            reading = asyncio.create_task(turn(stream))
            await asyncio.wait([reading], timeout=1.5)  # the deadline is over after 0.55
            again.set()
            events = await reading
    assert (last(events).reason, said(events)) == ("endpoint", ["half and whole"])


@pytest.mark.conforms("T-02")
@pytest.mark.parametrize("authority", ["framework", "client"])
async def test_where_another_has_the_word_there_is_no_deadline(authority: str) -> None:
    options = CUE.replace(turns=TurnPolicy(authority=authority, deadline=0.05, watchdog=1.2))  # type: ignore[arg-type] - one of two
    async with scripted(half_then_answer) as server, HearStream(server.endpoint, options) as stream:
        stream.send_audio(LOUD + SILENCE)
        assert last(await turn(stream)).reason == "watchdog"


@pytest.mark.conforms("T-02")
async def test_while_the_caller_speaks_there_is_no_deadline() -> None:
    options = CUE.replace(turns=TurnPolicy(authority="cue", deadline=0.05, watchdog=1.2))
    async with scripted(half_then_answer) as server, HearStream(server.endpoint, options) as stream:
        stream.send_audio(SILENCE + LOUD)
        assert last(await turn(stream)).reason == "watchdog"


async def test_the_deadline_is_never_less_than_the_silence_that_the_server_waits_for() -> None:
    patient = CUE.replace(endpointing_ms=5000, turns=TurnPolicy(authority="cue", deadline=0.05, watchdog=1.2))

    async def slow(peer: Peer) -> None:
        await peer.say(type="config_ack", endpointing_ms=5000)
        await half_then_answer(peer)

    async with scripted(slow) as server, HearStream(server.endpoint, patient) as stream:
        stream.send_audio(LOUD + SILENCE * 2)
        assert last(await turn(stream)).reason == "watchdog"


@pytest.mark.conforms("T-04")
async def test_a_commit_of_the_program_is_answered_although_the_watchdog_ended_its_turn() -> None:
    async with scripted(half_then_silent, answer_commits) as server, HearStream(server.endpoint, QUICK) as stream:
        stream.send_audio(LOUD)
        async with asyncio.timeout(10):
            while not isinstance(await anext(stream), SpeechStarted):
                pass
        assert stream.commit()
        first, second = await turn(stream), await turn(stream)
    assert (last(first).reason, last(first).committed) == ("watchdog", False)
    assert last(second).committed


@pytest.mark.conforms("T-06")
@pytest.mark.parametrize("ending", ["aclose", "drain"])
async def test_a_stream_that_ends_ends_its_turn(ending: str) -> None:
    async with scripted(half_then_silent) as server:
        stream = HearStream(server.endpoint)
        stream.send_audio(LOUD)
        async with asyncio.timeout(10):
            while not isinstance(await anext(stream), SpeechStarted):
                pass
        await (stream.aclose() if ending == "aclose" else stream.drain(0.1))
        events = await rest(stream)
    [ended] = only(events, TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert (ended.reason, ended.committed, ended.text) == ("closed", ending == "drain", "half a")


@pytest.mark.conforms("T-06")
async def test_a_stream_that_fails_ends_its_turn() -> None:
    async def half_then_gone(peer: Peer) -> None:
        await say_half(peer)
        await peer.socket.close(1008)

    events: list[HearEvent] = []
    async with scripted(half_then_gone) as server, HearStream(server.endpoint) as stream:
        stream.send_audio(LOUD)
        with pytest.raises(Exception, match="1008"):
            async for event in stream:
                events.append(event)
    assert [type(event) for event in events][-3:] == [Transcript, Transcript, TurnEnded]


async def test_a_reader_that_never_reads_still_gets_the_end_of_the_turn() -> None:
    gone = asyncio.Event()

    async def chatter(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        try:
            for number in range(1100):
                await peer.say(type="error", code="odd", message=str(number))
                if number == 900:
                    await peer.say(type="partial", text="hello", utterance_id="u")
            await stay(peer)
        finally:
            gone.set()

    events: list[HearEvent] = []
    async with scripted(chatter) as server:
        stream = HearStream(server.endpoint)
        stream.send_audio(LOUD)
        async with asyncio.timeout(10):
            await gone.wait()
        with pytest.raises(ConfigurationError, match="not being read"):
            async for event in stream:
                events.append(event)
    assert len(only(events, SpeechStarted)) == len(only(events, TurnEnded)) == 1


@pytest.mark.conforms("T-05")
async def test_the_authority_is_named_in_the_log_and_stays(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pyai_voice")
    stream = HearStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:9"), CUE, link=LinkOptions(ride_through=0))
    stream.start()
    stream.start()
    assert [record.getMessage() for record in caplog.records if record.name == "pyai_voice.hear"] == [
        "Hear: turn policy cue (deadline 0.2 s, watchdog 60 s)"
    ]
    with pytest.raises(ConfigurationError, match="authority"):
        stream.update(turns=TurnPolicy(authority="client"))
    stream.update(turns=TurnPolicy(authority="cue", watchdog=5))
    assert stream.options.turns.watchdog == 5
    with pytest.raises(ConnectivityError):
        await rest(stream)


@pytest.mark.conforms("Q-05")
async def test_what_the_older_wire_thinks_of_a_turn_is_told() -> None:
    async def legacy(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        await peer.say(type="transcript.partial", text="mhm", utterance_id="x", t_ms=500)
        await peer.say(type="turn.end", confidence=0.93, backchannel_prob=0.4, endpoint_reason="silence", t_ms=900)
        await peer.say(type="transcript.final", text="Mhm.", endpoint_reason="silence", t_ms=950)
        await stay(peer)

    async with scripted(legacy) as server, HearStream(server.endpoint) as stream:
        stream.send_audio(LOUD)
        events = await turn(stream)
    words = [event for event in events if isinstance(event, Transcript)]
    assert [word.verdict for word in words] == [None, Verdict(0.93, 0.4), Verdict(0.93, 0.4)]
    assert last(events).verdict == Verdict(0.93, 0.4)


@pytest.mark.conforms("Q-04")
async def test_grounding_that_never_comes_is_one_problem_and_the_stream_goes_on() -> None:
    async def ungrounded(peer: Peer) -> None:
        await peer.say(type="config_ack", warnings=["grounding_inactive"])
        await peer.hear_audio(SECOND)
        for number in range(3):
            await peer.final(f"words {number}", "endpoint", utterance_id=f"u{number}")
        await peer.socket.close(1012)

    grounded = HearOptions(cue=CueOptions(grounding=True))
    async with scripted(ungrounded, answer_commits) as server:
        stream = HearStream(server.endpoint, grounded)
        stream.send_audio(LOUD)
        events: list[HearEvent] = []
        async with asyncio.timeout(10):
            while len(only(events, Connected)) < 2:
                events.append(await anext(stream))
        await stream.drain()
        events += await rest(stream)
    [problem] = only(events, Problem)
    assert isinstance(problem, Problem)
    assert problem.error.code == "grounding_inactive"
    assert "knowledge base" in problem.error.hint
    assert not problem.error.retryable
