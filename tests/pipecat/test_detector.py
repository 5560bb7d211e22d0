"""Cue beside another recogniser: it decides, the other one writes, and a call goes on without Cue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    LLMContextFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    UserMuteStartedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator, LLMUserAggregatorParams
from pipecat.transcriptions.language import Language

from pipecat_pyai import PyAICueTurnDetector, PyAIGroundingFrame, TurnPolicy
from pipecat_pyai._detector import DetectorTurns
from pyai_voice.errors import ConfigurationError
from tests.core.scripted import KEY, Peer, Server, scripted, stay
from tests.pipecat.pipeline import PATIENCE, Happenings, Running, running

TURN = (ProposedUserStartedSpeakingFrame, TranscriptionFrame, ProposedUserStoppedSpeakingFrame)
WAIT = 1.0


def detect(server: Server, **options: Any) -> PyAICueTurnDetector:
    return PyAICueTurnDetector(api_key=KEY, base_url=server.endpoint.base_url, **options)


def said(text: str) -> TranscriptionFrame:
    return TranscriptionFrame(text, "", "now")


def turns(pipeline: Running) -> list[str]:
    return [type(frame).__name__ for frame in pipeline.down if isinstance(frame, TURN)]


async def cue_hears(peer: Peer, text: str = "one", name: str = "a") -> None:
    await peer.say(type="partial", text=text, utterance_id=name)
    await peer.final(text, reason="endpoint", utterance_id=name, grounding=[])


async def tea(peer: Peer) -> None:
    await peer.hear_audio(1000)
    await cue_hears(peer)
    await stay(peer)


async def test_the_end_of_a_turn_waits_for_the_other_s_transcript_and_no_word_of_cue_is_pushed() -> None:
    async with scripted(tea) as server:
        detector = detect(server, grounding=True, transcript_wait=60)
        happened = Happenings(detector, "on_end_of_turn")
        async with running(detector) as pipeline:
            await pipeline.audio(0.4)
            await happened.until("on_end_of_turn")
            assert turns(pipeline) == ["ProposedUserStartedSpeakingFrame"]
            await pipeline.send(said("Tea."))
            await pipeline.until(ProposedUserStoppedSpeakingFrame, 2)
    assert turns(pipeline) == [kind.__name__ for kind in TURN]
    assert [frame.text for frame in pipeline.all(TranscriptionFrame)] == ["Tea."]
    assert pipeline.all(InterimTranscriptionFrame) == []
    assert len(pipeline.all(PyAIGroundingFrame)) == 1


async def test_a_transcript_that_is_in_hand_is_not_waited_for() -> None:
    async def slow(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="partial", text="one", utterance_id="a")
        await peer.hear_audio(20_000)
        await cue_hears(peer)
        await stay(peer)

    async with scripted(slow) as server, running(detect(server, transcript_wait=60)) as pipeline:
        await pipeline.audio(0.4)
        await pipeline.until(ProposedUserStartedSpeakingFrame)
        await pipeline.send(said("Tea."))
        await pipeline.until(TranscriptionFrame)
        await pipeline.audio(0.4)
        await pipeline.until(ProposedUserStoppedSpeakingFrame, 2)
    assert turns(pipeline) == [kind.__name__ for kind in TURN]


async def test_a_turn_for_which_no_transcript_comes_is_ended() -> None:
    params = LLMUserAggregatorParams(user_turn_stop_timeout=60)
    async with scripted(tea) as server:
        aggregator = LLMUserAggregator(context := LLMContext(), params=params)
        async with running(detect(server, transcript_wait=0.05), aggregator) as pipeline:
            await pipeline.audio(0.4)
            await pipeline.until(UserStoppedSpeakingFrame, 2)
    assert not [said for said in context.get_messages() if isinstance(said, dict) and said["role"] == "user"]


async def test_the_real_aggregator_obeys_without_a_line_in_the_bot() -> None:
    context = LLMContext()
    async with scripted(tea) as server:
        async with running(detect(server, transcript_wait=60), LLMUserAggregator(context)) as pipeline:
            await pipeline.audio(0.4)
            await pipeline.until(UserStartedSpeakingFrame)
            await pipeline.send(said("Tea."))
            await pipeline.until(LLMContextFrame)
    assert [message["content"] for message in context.get_messages()] == ["Tea."]  # type: ignore[index]


async def test_words_that_cue_does_not_hear_get_a_turn_of_their_own() -> None:
    async with scripted(stay) as server, running(detect(server, transcript_wait=0.05)) as pipeline:
        await pipeline.send(said("Tea."))
        await pipeline.until(ProposedUserStoppedSpeakingFrame, 2)
    assert turns(pipeline) == [kind.__name__ for kind in TURN]


async def test_without_cue_the_voice_detector_decides_and_the_trouble_is_told() -> None:
    refusal = (401, {}, b'{"error": {"message": "Unknown key", "code": "unauthorized"}}')
    policy = TurnPolicy(authority="cue", deadline=0.01)
    async with scripted(stay, refusals=[refusal] * 9) as server:
        async with running(detect(server, turns=policy, transcript_wait=60)) as pipeline:
            await pipeline.when(lambda: bool(pipeline.errors), "an error")
            await pipeline.send(VADUserStartedSpeakingFrame(start_secs=0.2))
            await pipeline.until(ProposedUserStartedSpeakingFrame)
            await pipeline.send(VADUserStoppedSpeakingFrame(stop_secs=0.2), said("Tea."))
            await pipeline.until(ProposedUserStoppedSpeakingFrame, 2)
    assert turns(pipeline) == [kind.__name__ for kind in TURN]
    assert len(pipeline.errors) == 1
    assert pipeline.errors[0].category is not None
    assert pipeline.errors[0].category.is_permanent


async def test_while_the_user_is_muted_cue_hears_silence() -> None:
    heard = asyncio.Event()

    async def listen(peer: Peer) -> None:
        await peer.hear_audio(38_400)
        heard.set()
        await stay(peer)

    async with scripted(listen) as server, running(detect(server)) as pipeline:
        await pipeline.audio(0.2)
        await pipeline.when(lambda: len(pipeline.all(InputAudioRawFrame)) == 10, "all the audio")
        await pipeline.send(UserMuteStartedFrame())
        await pipeline.audio(1.0)
        async with asyncio.timeout(PATIENCE):
            await heard.wait()
    assert any(server.peers[0].audio[:6400])
    assert not any(server.peers[0].audio[6400:])


@pytest.mark.parametrize("turns", [TurnPolicy(authority="client"), "framework"])
def test_only_cue_can_be_the_authority(turns: Any) -> None:
    with pytest.raises(ConfigurationError, match="turns"):
        PyAICueTurnDetector(api_key=KEY, turns=turns)


async def test_a_language_may_have_a_region() -> None:
    async with scripted(stay) as server:
        detector = detect(server, turns="cue", language=Language.EN_US)
        happened = Happenings(detector, "on_connected")
        async with running(detector):
            await happened.until("on_connected")
    assert server.peers[0].query["language"] == "en"


# The decisions by themselves

CALLS: dict[str, Callable[[DetectorTurns, float], list[str] | None]] = {
    "cue_started": lambda turns, _: turns.cue_started(),
    "cue_ended": lambda turns, now: turns.cue_ended(now),
    "voice_started": lambda turns, now: turns.voice_started(now),
    "voice_stopped": lambda turns, now: turns.voice_stopped(now),
    "interim": lambda turns, now: turns.words_come(now, final=False),
    "final": lambda turns, now: [*turns.words_come(now, final=True), "words", *turns.words_passed(now)],
    "reached": lambda turns, _: turns.reached(),
    "lost": lambda turns, now: turns.lost(now),
    "tick": lambda turns, now: turns.tick(now),
    "close": lambda turns, _: turns.close(),
}
SCHEDULES = st.lists(st.tuples(st.sampled_from(sorted(CALLS)), st.sampled_from([0.0, 0.1, 1.0, 5.0])), max_size=20)


@settings(max_examples=1000)
@given(schedule=SCHEDULES)
def test_whatever_happens_turns_alternate_words_are_in_a_turn_and_each_turn_has_an_end(
    schedule: list[tuple[str, float]],
) -> None:
    policy = TurnPolicy(authority="cue")
    made, now, turn, cue_hears = DetectorTurns(policy, WAIT), 0.0, False, False
    for call, pause in schedule:
        now += pause
        cue_hears = {"cue_started": True, "cue_ended": False, "close": False}.get(call, cue_hears)
        for step in CALLS[call](made, now) or []:
            assert turn is (step != "start")
            turn = {"start": True, "stop": False}.get(step, turn)
        assert made.open is turn
        assert not turn or cue_hears or made.due is not None, "nobody would end this turn"
        assert made.due is None or made.due <= now + policy.watchdog
    assert (made.tick(made.due) == ["stop"]) if made.due is not None else (not turn or cue_hears)
