"""The listener's rules, with a recogniser and a detector whose answers follow from the audio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.errors import ServiceError, service_error
from pyai_voice.server.engines import Priority, Recognition
from pyai_voice.server.engines.end_of_turn import EndOfTurn
from pyai_voice.server.engines.listener import Endpoint, Fact, Listener, ListenerOptions, Partial
from pyai_voice.server.engines.vocabulary import Vocabulary
from pyai_voice.server.engines.workers import EngineBusyError
from tests.server.fakes import LoudnessDetector

RATE = 16000
FRAME = 512
BEFORE = 0.4


def sound(seconds: float, rate: int = RATE) -> bytes:
    return b"\x00\x10" * round(seconds * rate)


def silence(seconds: float, rate: int = RATE) -> bytes:
    return bytes(2 * round(seconds * rate))


class ScriptedRecognizer:
    """Says what the test wants, and notes what it was given."""

    name = "scripted"
    rate = RATE
    languages = frozenset({"en"})
    longest = 20.0

    def __init__(self, text: str | Callable[[bytes], str] = "Hello there.", log_probability: float = -0.1) -> None:
        self.text = text
        self.log_probability = log_probability
        self.heard: list[tuple[bytes, Priority]] = []
        self.error: Exception | None = None
        self.partials_hang = False
        self.abandoned = 0

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        self.heard.append((pcm, priority))
        if self.error is not None:
            raise self.error
        if self.partials_hang and priority is Priority.PARTIAL:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.abandoned += 1
        await asyncio.sleep(0)
        return Recognition(self.text if isinstance(self.text, str) else self.text(pcm), self.log_probability)

    def finals(self) -> list[bytes]:
        return [pcm for pcm, priority in self.heard if priority is Priority.FINAL]


@asynccontextmanager
async def listening(
    recognizer: ScriptedRecognizer, judge: EndOfTurn | None = None, **options: object
) -> AsyncIterator[Listener]:
    settings = ListenerOptions(**options)  # pyright: ignore[reportArgumentType] - as the tests write it
    listener = Listener(recognizer, LoudnessDetector(), settings, judge)
    try:
        async with asyncio.timeout(20):
            yield listener
    finally:
        await listener.aclose()


async def told(
    recognizer: ScriptedRecognizer, *items: bytes | str, judge: EndOfTurn | None = None, **options: object
) -> list[Fact]:
    """Feed audio, and commit where the item is a reason; return every fact."""
    async with listening(recognizer, judge, **options) as listener:
        taking = asyncio.ensure_future(collect(listener))
        for item in items:
            await (listener.feed(item) if isinstance(item, bytes) else listener.commit(item))  # pyright: ignore[reportArgumentType] - a reason
        await listener.finish()
        return await taking


async def collect(listener: Listener) -> list[Fact]:
    return [fact async for fact in listener]


def ends(facts: list[Fact]) -> list[Endpoint]:
    return [fact for fact in facts if isinstance(fact, Endpoint)]


async def test_silence_gives_nothing_and_each_commit_one_empty_endpoint() -> None:
    facts = await told(
        ScriptedRecognizer(), silence(1), "client_commit", "client_commit", silence(0.5), "client_commit"
    )
    assert [(fact.text, fact.reason, fact.t_ms, fact.audio_ms) for fact in ends(facts)] == [
        ("", "client_commit", 1000, 0),
        ("", "client_commit", 1000, 0),
        ("", "client_commit", 1500, 0),
    ]
    assert len(facts) == 3


@pytest.mark.parametrize(
    ("text", "waits", "reason"),
    [("Hello there.", 0.3, "endpoint"), ("I would like a.", 1.0, "silence"), ("hello there", 1.0, "silence")],
)
async def test_a_finished_sentence_ends_sooner_than_an_unfinished_one(text: str, waits: float, reason: str) -> None:
    (end,) = ends(await told(ScriptedRecognizer(text), silence(0.5), sound(1), silence(2)))
    assert (end.text, end.reason) == (text, reason)
    assert 0 <= end.t_ms / 1000 - (1.5 + waits) <= 3 * FRAME / RATE
    assert abs(end.audio_ms - 1000) <= 64
    assert abs(end.began_ms - 500) <= 32


@pytest.mark.parametrize("wait", [0.05, 0.2, 0.8, 2.0])
async def test_the_endpointing_asked_for_is_the_least_silence(wait: float) -> None:
    for text, waits, reason in (("Hello.", wait, "endpoint"), ("I would like a", max(wait, 1.0), "silence")):
        (end,) = ends(await told(ScriptedRecognizer(text), sound(1), silence(3), endpointing=wait))
        assert end.reason == reason
        assert 0 <= end.t_ms / 1000 - (1 + waits) <= 2 * FRAME / RATE


async def test_a_recording_is_cut_at_every_such_silence() -> None:
    for text in ("Hello.", "I would like a"):
        recognizer = ScriptedRecognizer(text)
        (end,) = ends(await told(recognizer, sound(1), silence(3), endpointing=0.6, recording=True))
        assert 0 <= end.t_ms / 1000 - 1.6 <= 2 * FRAME / RATE
        assert {priority for _, priority in recognizer.heard} <= {Priority.RECORDING, Priority.PARTIAL}


async def test_endpointing_changes_where_it_was_asked_for_in_the_audio() -> None:
    async with listening(ScriptedRecognizer(), endpointing=2.0) as listener:
        taking = asyncio.ensure_future(collect(listener))
        await listener.feed(sound(1) + silence(1.5))
        await listener.set_endpointing(0.5)
        await listener.feed(sound(1) + silence(1))
        await listener.finish()
        (end,) = ends(await taking)
        assert end.reason == "endpoint"
        assert end.audio_ms > 3400
        assert end.t_ms < 4100
        assert listener.endpointing_ms == 500


class Opinion:
    """A second voice that always thinks the same."""

    rate = RATE

    def __init__(self, sounds: float) -> None:
        self.sounds = sounds
        self.heard: list[bytes] = []

    async def finished(self, pcm: bytes) -> float:
        self.heard.append(pcm)
        await asyncio.sleep(0)
        return self.sounds


@pytest.mark.parametrize(("sounds", "reason"), [(0.95, "endpoint"), (0.02, "silence")])
async def test_a_sentence_that_does_not_sound_finished_is_waited_for(sounds: float, reason: str) -> None:
    voice = Opinion(sounds)
    facts = await told(ScriptedRecognizer(), sound(1), silence(2), judge=EndOfTurn(voice), interim_results=False)
    (end,) = ends(facts)
    assert end.reason == reason
    assert len(voice.heard) == 1
    assert voice.heard[0].startswith(sound(1))


async def test_a_second_voice_that_is_too_busy_leaves_it_to_the_words() -> None:
    class Busy(Opinion):
        async def finished(self, pcm: bytes) -> float:
            raise EngineBusyError

    (end,) = ends(await told(ScriptedRecognizer(), sound(1), silence(2), judge=EndOfTurn(Busy(0.0))))
    assert end.reason == "endpoint"


async def test_a_second_voice_that_fails_ends_the_stream() -> None:
    class Broken(Opinion):
        async def finished(self, pcm: bytes) -> float:
            raise service_error("broken", code="engine_unavailable")

    with pytest.raises(ServiceError, match="broken"):
        await told(ScriptedRecognizer(), sound(1), silence(2), judge=EndOfTurn(Broken(0.0)))


async def test_nobody_is_asked_twice_about_the_same_pause_and_who_speaks_on_is_one_utterance() -> None:
    voice = Opinion(0.02)
    facts = await told(
        ScriptedRecognizer(),
        sound(1),
        silence(0.7),
        sound(1),
        silence(2),
        judge=EndOfTurn(voice),
        interim_results=False,
    )
    (end,) = ends(facts)
    assert abs(end.audio_ms - 2700) <= 64
    assert len(voice.heard) == 2


async def test_a_commit_needs_no_silence_and_its_audio_is_whole() -> None:
    recognizer = ScriptedRecognizer()
    (end,) = ends(await told(recognizer, silence(1), sound(0.7305), "client_commit"))
    assert (end.text, end.reason, end.t_ms) == ("Hello there.", "client_commit", 1730)
    heard = recognizer.finals()[-1]
    assert heard.endswith(sound(0.7305))
    assert len(heard) <= len(sound(0.7305 + BEFORE + 3 * FRAME / RATE))


async def test_a_commit_reads_an_onset_too_short_for_the_detector() -> None:
    recognizer = ScriptedRecognizer()
    (end,) = ends(await told(recognizer, silence(0.512), sound(0.04), "client_commit"))
    assert end.text == "Hello there."
    assert recognizer.finals()[-1].endswith(sound(0.04))


async def test_one_endpoint_for_each_commit_and_the_next_utterance_begins_after_it() -> None:
    recognizer = ScriptedRecognizer()
    facts = await told(recognizer, sound(1), "client_commit", "client_commit", sound(0.5), "eof", silence(1))
    assert [(end.text, end.reason) for end in ends(facts)] == [
        ("Hello there.", "client_commit"),
        ("", "client_commit"),
        ("Hello there.", "eof"),
    ]
    assert [len(pcm) for pcm in recognizer.finals()] == [len(sound(1)), len(sound(0.5))]


async def test_the_end_of_the_stream_is_an_endpoint_only_where_something_was_said() -> None:
    assert [end.reason for end in ends(await told(ScriptedRecognizer(), sound(1)))] == ["eof"]
    assert await told(ScriptedRecognizer(), silence(1)) == []


async def test_invention_is_dropped_but_a_commit_is_answered() -> None:
    noise = ScriptedRecognizer("Thank you.", log_probability=-1.2)
    assert await told(noise, sound(1), silence(2)) == []
    (end,) = await told(noise, sound(1), "client_commit")
    assert isinstance(end, Endpoint)
    assert end.text == ""
    assert await told(ScriptedRecognizer("♪♪"), sound(1), silence(2)) == []


async def test_a_final_does_not_wait_for_a_partial() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.partials_hang = True
    (end,) = ends(await told(recognizer, sound(1), silence(1)))
    assert end.text == "Hello there."
    assert recognizer.abandoned == 1


async def test_partials_are_told_while_the_speaker_talks_and_only_when_wanted() -> None:
    def counted(pcm: bytes) -> str:
        return " ".join(f"w{number}" for number in range(len(pcm) // 6400)) or "w"

    async with listening(ScriptedRecognizer(counted), endpointing=0.3) as listener:
        taking = asyncio.ensure_future(collect(listener))
        for _ in range(100):
            await listener.feed(sound(0.02))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await listener.feed(silence(1))
        await listener.finish()
        facts = await taking
    partials = [fact for fact in facts if isinstance(fact, Partial)]
    assert len(partials) >= 5
    assert all(fact.text.startswith(fact.stable) for fact in partials)
    assert [fact.t_ms for fact in partials] == sorted(fact.t_ms for fact in partials)
    assert isinstance(facts[-1], Endpoint)
    quiet = await told(ScriptedRecognizer(counted), sound(2), silence(1), interim_results=False)
    assert [type(fact) for fact in quiet] == [Endpoint]


async def test_an_endless_speaker_is_cut_without_losing_or_repeating_audio() -> None:
    recognizer = ScriptedRecognizer()
    facts = await told(recognizer, sound(13), silence(1.5), interim_results=False, max_utterance=5.0)
    reasons = [end.reason for end in ends(facts)]
    assert reasons[-1] == "endpoint"
    assert set(reasons[:-1]) == {"max_utterance"}
    heard = b"".join(recognizer.finals())
    assert heard.count(b"\x00\x10") == 13 * RATE


async def test_a_long_utterance_is_cut_at_its_quietest_point() -> None:
    recognizer = ScriptedRecognizer()
    quiet = b"\x80\x00" * (RATE // 2)
    await told(recognizer, sound(3) + quiet + sound(4), "client_commit", interim_results=False, max_utterance=5.0)
    assert 3.0 < len(recognizer.finals()[0]) / 2 / RATE < 3.5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4001), min_size=1, max_size=20), st.sampled_from([8000, 16000, 44100, 48000]))
def test_the_chunking_and_the_pace_change_nothing(sizes: list[int], rate: int) -> None:
    audio = silence(0.3, rate) + sound(0.7, rate) + silence(1.2, rate) + sound(0.4, rate)

    async def whole() -> list[Fact]:
        return await told(ScriptedRecognizer(), audio, "client_commit", interim_results=False, sample_rate=rate)

    async def pieces() -> list[Fact]:
        cut: list[bytes | str] = []
        rest = audio
        while rest:
            for size in sizes:
                cut.append(rest[:size])
                rest = rest[size:]
        return await told(ScriptedRecognizer(), *cut, "client_commit", interim_results=False, sample_rate=rate)

    one = asyncio.run(whole())
    assert one == asyncio.run(pieces())
    assert [end.reason for end in ends(one)] == ["endpoint", "client_commit"]
    assert abs(one[-1].t_ms - 2600) <= 2


async def test_an_engine_error_ends_the_iteration_and_lets_the_feeder_go() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.error = service_error("broken", code="engine_unavailable")
    async with listening(recognizer) as listener:
        taking = asyncio.ensure_future(collect(listener))
        for _ in range(40):
            await listener.feed(sound(1))
        with pytest.raises(type(recognizer.error)):
            await taking


async def test_a_partial_that_finds_the_engines_busy_is_left_out() -> None:
    class Busy(ScriptedRecognizer):
        async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
            if priority is Priority.PARTIAL:
                raise EngineBusyError
            return await super().recognize(pcm, priority, vocabulary)

    assert [end.text for end in ends(await told(Busy(), sound(2), silence(1)))] == ["Hello there."]


async def test_closing_ends_everything_at_once() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.partials_hang = True
    async with listening(recognizer) as listener:
        taking = asyncio.ensure_future(collect(listener))
        await listener.feed(sound(1))
        await listener.aclose()
        await listener.aclose()
        assert await taking == []
        await listener.feed(sound(60))
        await listener.commit()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_facts_that_nobody_takes_hold_the_feeder_back_and_are_not_lost() -> None:
    async with listening(ScriptedRecognizer()) as listener:
        feeding = asyncio.ensure_future(feed_commits(listener, 300))
        await asyncio.sleep(0)
        facts = await collect(listener)
        await feeding
    assert len(facts) == 300


async def feed_commits(listener: Listener, count: int) -> None:
    for _ in range(count):
        await listener.commit()
    await listener.finish()


async def test_recogniser_and_detector_must_agree() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.rate = 8000
    with pytest.raises(ValueError, match="same rate"):
        Listener(recognizer, LoudnessDetector(), ListenerOptions())
