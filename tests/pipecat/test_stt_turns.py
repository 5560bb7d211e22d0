"""Who ends the turn: PyAI, by proposals that the recommended strategies obey, or Pipecat; with the real aggregator."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import (
    InterruptionFrame,
    LLMContextFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    STTMetadataFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator, LLMUserAggregatorParams
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies

from pipecat_pyai import PyAISTTService
from tests.core.scripted import KEY, Peer, Server, scripted, stay
from tests.pipecat.pipeline import Happenings, Running, running

TURN_FRAMES = (ProposedUserStartedSpeakingFrame, TranscriptionFrame, ProposedUserStoppedSpeakingFrame)


def hear(server: Server, **options: object) -> PyAISTTService:
    fields = {"vad_force_turn_endpoint": False, **options}
    return PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url, **fields)  # type: ignore[arg-type]


async def utterance(peer: Peer, text: str, name: str = "a", reason: str = "endpoint") -> None:
    """Say it word by word, then whole."""
    words = text.split()
    for count in range(1, len(words) + 1):
        await peer.say(type="partial", text=" ".join(words[:count]), utterance_id=name)
    await peer.final(text, reason=reason, utterance_id=name)


def turns(pipeline: Running) -> list[str]:
    return [type(frame).__name__ for frame in pipeline.down if isinstance(frame, TURN_FRAMES)]


async def test_a_turn_is_proposed_then_transcribed_then_proposed_to_end() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await utterance(peer, "One flat white.")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.4)
        await pipeline.until(ProposedUserStoppedSpeakingFrame, 2)
    assert turns(pipeline) == [kind.__name__ for kind in TURN_FRAMES]
    assert len(pipeline.all(ProposedUserStartedSpeakingFrame)) == 2, "both ways"
    assert pipeline.all(TranscriptionFrame)[0].finalized


async def test_pipecat_s_voice_detector_commits_nothing_where_pyai_owns_the_turn() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(12_800)
        await utterance(peer, "Tea.")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.4)
        await pipeline.until(ProposedUserStoppedSpeakingFrame)
    assert server.peers[0].texts == []


async def test_strategies_are_recommended_and_no_latency_is_claimed() -> None:
    async with scripted(stay) as server, running(hear(server, should_interrupt=False)) as pipeline:
        frame = await pipeline.until(STTMetadataFrame)
    assert frame.ttfs_p99_latency == 0
    assert isinstance(frame.user_turn_strategies, ExternalUserTurnStrategies)
    assert frame.user_turn_strategies.enable_interruptions is False


@pytest.mark.parametrize("interrupts", [True, False])
async def test_the_real_aggregator_obeys_without_a_line_in_the_bot(interrupts: bool) -> None:
    context = LLMContext()

    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await utterance(peer, "One flat white.", "a")
        await peer.hear_audio(14_000)
        await utterance(peer, "And a cookie.", "b")
        await stay(peer)

    async with scripted(talk) as server:
        service = hear(server, should_interrupt=interrupts)
        async with running(service, LLMUserAggregator(context)) as pipeline:
            await pipeline.audio(0.4)
            await pipeline.until(LLMContextFrame)
            await pipeline.audio(0.4)
            await pipeline.until(LLMContextFrame, 2)
    assert [message["content"] for message in context.get_messages()] == ["One flat white.", "And a cookie."]
    starts = [frame for frame in pipeline.down if isinstance(frame, UserStartedSpeakingFrame)]
    assert len(starts) == 2
    assert bool(pipeline.all(InterruptionFrame)) is interrupts


async def test_a_turn_whose_words_are_taken_back_ends_at_once() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="partial", text="um", utterance_id="a")
        await peer.say(type="final", text="", endpoint_reason="endpoint", utterance_id="a", t_ms=10)
        await stay(peer)

    params = LLMUserAggregatorParams(user_turn_stop_timeout=60)
    async with scripted(talk) as server:
        async with running(hear(server), LLMUserAggregator(LLMContext(), params=params)) as pipeline:
            await pipeline.audio(0.4)
            await pipeline.until(UserStartedSpeakingFrame)
            await pipeline.until(UserStoppedSpeakingFrame)
    assert pipeline.all(TranscriptionFrame) == []


async def test_a_turn_that_a_lost_connection_cuts_goes_on_and_is_one_turn() -> None:
    async def first(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="partial", text="One flat", utterance_id="a")
        await peer.hear_audio(6400)
        peer.abort()

    async def second(peer: Peer) -> None:
        await peer.hear_audio(12_800)
        await utterance(peer, "One flat white.", "b")
        await stay(peer)

    async with scripted(first, second) as server:
        service = hear(server)
        happened = Happenings(service, "on_reconnected")
        async with running(service) as pipeline:
            await pipeline.audio(0.4)
            await pipeline.until(ProposedUserStoppedSpeakingFrame, 2)
    assert turns(pipeline) == [kind.__name__ for kind in TURN_FRAMES]
    assert pipeline.all(TranscriptionFrame)[0].text == "One flat white."
    assert happened.names() == ["on_reconnected"]


async def test_a_turn_that_is_open_when_the_service_refuses_is_closed() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="partial", text="One flat", utterance_id="a")
        await asyncio.sleep(0)
        await peer.socket.close(4401, "revoked")

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.4)
        await pipeline.until(ProposedUserStoppedSpeakingFrame, 2)
        await pipeline.when(lambda: bool(pipeline.errors), "an error")
    assert turns(pipeline) == [kind.__name__ for kind in TURN_FRAMES]
    assert pipeline.all(TranscriptionFrame)[0].text == "One flat"


async def test_the_end_of_the_call_closes_an_open_turn() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="partial", text="One flat", utterance_id="a")
        await peer.hear_commit()
        await peer.final("One flat white.", utterance_id="a")

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.4)
        await pipeline.until(ProposedUserStartedSpeakingFrame)
        await pipeline.end()
    assert turns(pipeline) == [kind.__name__ for kind in TURN_FRAMES]


async def test_where_pipecat_owns_the_turn_a_finalized_transcript_ends_it_without_waiting() -> None:
    """The speech time-out strategy would wait for ``ttfs_p99_latency``, here a minute."""
    from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
    from pipecat.turns.user_turn_strategies import UserTurnStrategies

    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.final("Tea.")
        await stay(peer)

    strategies = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.2)])
    params = LLMUserAggregatorParams(user_turn_strategies=strategies, user_turn_stop_timeout=60)
    async with scripted(talk) as server:
        service = hear(server, vad_force_turn_endpoint=True, ttfs_p99_latency=60.0)
        async with running(service, LLMUserAggregator(LLMContext(), params=params)) as pipeline:
            await pipeline.say(0.4)
            await pipeline.until(LLMContextFrame)
    assert pipeline.all(ProposedUserStartedSpeakingFrame) == []
