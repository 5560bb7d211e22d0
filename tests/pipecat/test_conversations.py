"""Whole conversations with the real aggregator, whoever ends turns: each is started once and ended once, no word twice.

The test plays both ends: what the caller's side sends into the pipeline, and what the server says of it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextAssistantTimestampFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregator,
    LLMUserAggregatorParams,
)
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from pipecat_pyai import CueOptions, PyAICommitFrame, PyAIGroundingProcessor, PyAISTTService, TurnPolicy
from pipecat_pyai._words import HAS_BACKCHANNELS
from pyai_voice.options import TurnAuthority
from tests.core.scripted import KEY, Peer, scripted
from tests.core.scripted_http import scripted as scripted_http
from tests.frameworks import frameworks_leave_http_clients_open
from tests.pipecat.model import answering, asked, language_model
from tests.pipecat.pipeline import PATIENCE, Running, running

__all__ = ["frameworks_leave_http_clients_open"]
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Pipecat's OpenAI service never closes

AUTHORITIES: tuple[TurnAuthority, ...] = ("cue", "framework", "client")


class Server:
    """The server's end, which says what the test wants."""

    def __init__(self) -> None:
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._commits: asyncio.Queue[None] = asyncio.Queue()
        self._heard = asyncio.Event()
        self.peer: Peer

    async def script(self, peer: Peer) -> None:
        self._peers.put_nowait(peer)
        while (message := await peer.hear()) is not None:
            self._heard.set()
            if isinstance(message, dict) and message["type"] == "commit":
                self._commits.put_nowait(None)

    async def connected(self) -> None:
        async with asyncio.timeout(PATIENCE):
            self.peer = await self._peers.get()

    async def heard(self, size: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.peer.audio) < size:
                self._heard.clear()
                await self._heard.wait()

    async def commit(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._commits.get()


class Conversation:
    """A caller, a server, and the turns that came of them."""

    def __init__(self, authority: TurnAuthority, server: Server, pipeline: Running, context: LLMContext) -> None:
        self.authority, self.server, self.pipeline, self.context = authority, server, pipeline, context
        self._speaking = False

    async def words(self, text: str, name: str) -> None:
        """Let the caller be heard."""
        if not self._speaking:
            self._speaking = True
            await self.pipeline.send(VADUserStartedSpeakingFrame(start_secs=0.2))
        await self.pipeline.audio(0.1)
        await self.server.peer.say(type="partial", text=text, utterance_id=name)

    async def pause(self, text: str, name: str) -> None:
        """Let the caller be silent for so long that the server ends the utterance, and not the one who ends turns."""
        if self.authority != "cue":
            await self.server.peer.final(text, reason="endpoint", utterance_id=name)

    async def finish(self, text: str, name: str) -> None:
        """Let the caller finish, and whoever ends turns say so; empty: it was no speech."""
        self._speaking = False
        await self.pipeline.audio(0.1)
        if self.authority == "cue":
            await self.server.peer.final(text, reason="endpoint", utterance_id=name)
            return
        await self.pipeline.send(
            VADUserStoppedSpeakingFrame(stop_secs=0.2) if self.authority == "framework" else PyAICommitFrame()
        )
        await self.server.commit()
        await self.server.peer.final(text, reason="client_commit", utterance_id=name)

    async def ended(self, turns: int) -> None:
        """Wait for the end of so many turns."""
        await self.pipeline.when(lambda: self.happened().count("stop") >= turns, f"the end of turn {turns}")

    def happened(self) -> list[str]:
        """Return the starts and stops of turns, in order."""
        kinds = {UserStartedSpeakingFrame: "start", UserStoppedSpeakingFrame: "stop"}
        return [kinds[type(frame)] for frame in self.pipeline.down if type(frame) in kinds]

    def said(self) -> list[str]:
        """Return the user's messages in the history."""
        messages: list[Any] = self.context.get_messages()
        return [message["content"] for message in messages if message["role"] == "user"]


@asynccontextmanager
async def conversation(authority: TurnAuthority, **options: Any) -> AsyncIterator[Conversation]:
    line, context = Server(), LLMContext()
    params = LLMUserAggregatorParams()
    if authority == "framework":
        stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.3)
        params = LLMUserAggregatorParams(user_turn_strategies=UserTurnStrategies(stop=[stop]), user_turn_stop_timeout=1)
    async with scripted(line.script) as server:
        hear = PyAISTTService(
            api_key=KEY, base_url=server.endpoint.base_url, turns=TurnPolicy(authority=authority), **options
        )
        async with running(hear, LLMUserAggregator(context, params=params)) as pipeline:
            await line.connected()
            yield Conversation(authority, line, pipeline, context)


Scene = Callable[[Conversation], Awaitable[None]]
SCENES: dict[str, tuple[Scene, list[str]]] = {}
"""Each with what the user has said in the end, turn by turn."""


def scene(*said: str) -> Callable[[Scene], Scene]:
    def note(made: Scene) -> Scene:
        SCENES[made.__name__] = made, [*said]
        return made

    return note


@scene("I would like a tea.")
async def pause_in_mid_sentence(call: Conversation) -> None:
    if call.authority == "cue":  # it is patient
        await call.words("I would like", "a")
        await call.pipeline.audio(1.0, value=0)
        await call.words("I would like a tea", "a")
        await call.finish("I would like a tea.", "a")
    else:
        await call.words("I would like", "a")
        await call.pause("I would like", "a")
        await call.words("a tea", "b")
        await call.finish("a tea.", "b")
    await call.ended(1)


@scene("A tea.", "No, a latte.", "Please.")
async def fast_resumption(call: Conversation) -> None:
    for number, text in enumerate(["A tea.", "No, a latte.", "Please."], 1):
        await call.words(text, f"u{number}")
        await call.finish(text, f"u{number}")
        if call.authority != "cue":
            await call.ended(number)
    await call.ended(3)


@scene("Stop. A tea.")
async def barge_in(call: Conversation) -> None:
    await call.pipeline.send(BotStartedSpeakingFrame())
    await call.words("Stop", "a")
    await call.pipeline.until(InterruptionFrame)
    await call.finish("Stop. A tea.", "a")
    await call.ended(1)


@scene("A tea.")
async def noise_without_words(call: Conversation) -> None:
    await call.words("um", "a")
    await call.finish("", "a")
    await call.ended(1)
    await call.words("A tea", "b")
    await call.finish("A tea.", "b")
    await call.ended(2)


@scene("A tea.")
async def a_minute_of_silence(call: Conversation) -> None:
    for tenth in range(1, 7):  # of seconds: more at once than is kept could be lost, should the connection be slow
        await call.pipeline.send(*(InputAudioRawFrame(bytes(3200), 16000, 1) for _ in range(100)))
        await call.server.heard(tenth * 320_000)
    assert call.happened() == []
    await call.words("A tea", "a")
    await call.finish("A tea.", "a")
    await call.ended(1)


@scene("I would like a tea.", "Please.")
async def socket_cut_inside_a_turn(call: Conversation) -> None:
    await call.words("I would", "a")
    await call.pipeline.until(UserStartedSpeakingFrame)
    call.server.peer.abort()
    await call.server.connected()
    await call.words("I would like a tea", "b")
    await call.finish("I would like a tea.", "b")
    await call.ended(1)
    await call.words("Please", "c")
    await call.finish("Please.", "c")
    await call.ended(2)


@pytest.mark.parametrize("authority", AUTHORITIES)
@pytest.mark.parametrize("name", SCENES)
async def test_every_turn_is_started_once_and_ended_once_and_no_word_comes_twice(
    authority: TurnAuthority, name: str
) -> None:
    play, said = SCENES[name]
    async with conversation(authority) as call:
        await play(call)
        await call.pipeline.when(lambda: " ".join(call.said()) == " ".join(said), "the words")
        turns = call.happened()
    assert turns == ["start", "stop"] * (len(turns) // 2)
    if authority != "framework":  # there the clock has a word, and this machine may be slow
        assert call.said() == ([" ".join(said)] if name == "pause_in_mid_sentence" else said)
        assert turns.count("stop") == len(said) + (name == "noise_without_words")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("authority", ["cue", "client"])
async def test_any_mixture_of_speech_noise_and_outages_in_one_burst_keeps_every_word_in_a_turn(
    authority: TurnAuthority, seed: int
) -> None:
    chance = random.Random(seed)
    said: list[str] = []
    async with conversation(authority) as call:
        for number in range(6):
            name, text = f"u{number}", f"Word {number}."
            await call.words(text, name)
            if chance.random() < 0.25:
                await call.pipeline.when(lambda: call.happened()[-1:] == ["start"], "the turn")
                call.server.peer.abort()
                await call.server.connected()
                await call.words(text, name)
            spoken = chance.random() < 0.7
            await call.finish(text if spoken else "", name)
            said += [text] * spoken
            if authority == "client":
                await call.ended(number + 1)
        await call.ended(6)
        turns = call.happened()
    assert turns == ["start", "stop"] * 6
    assert call.said() == said


@pytest.mark.parametrize("authority", AUTHORITIES)
async def test_a_sign_of_listening_is_no_message_where_cue_decides_and_pipecat_knows_such_signs(
    authority: TurnAuthority,
) -> None:
    """On the older wire, which tells how likely it is one."""
    async with conversation(authority) as call:
        peer = call.server.peer
        await call.pipeline.send(VADUserStartedSpeakingFrame(start_secs=0.2))
        await call.pipeline.audio(0.2)
        await peer.say(type="transcript.partial", text="mhm", utterance_id="a")
        await call.pipeline.until(UserStartedSpeakingFrame)
        verdict = {"confidence": 0.9, "backchannel_prob": 0.95, "endpoint_reason": "silence"}
        if authority != "cue":
            ask = VADUserStoppedSpeakingFrame(stop_secs=0.2) if authority == "framework" else PyAICommitFrame()
            await call.pipeline.send(ask)
            await call.server.commit()
            verdict["endpoint_reason"] = "client_commit"
        await peer.say(type="turn.end", utterance_id="a", **verdict)
        await peer.say(
            type="transcript.final", text="Mhm.", utterance_id="b", endpoint_reason=verdict["endpoint_reason"]
        )
        await call.ended(1)
    assert call.said() == ([] if authority == "cue" and HAS_BACKCHANNELS else ["Mhm."])


async def test_a_turn_that_the_program_forgets_is_closed_by_the_watchdog() -> None:
    line, context = Server(), LLMContext()
    turns = TurnPolicy(authority="client", watchdog=0.2)
    async with scripted(line.script) as server:
        hear = PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url, turns=turns)
        async with running(hear, LLMUserAggregator(context)) as pipeline:
            await line.connected()
            call = Conversation("client", line, pipeline, context)
            await call.words("A tea", "a")
            await line.peer.final("A tea.", reason="endpoint", utterance_id="a")
            await call.ended(1)
    assert call.said() == ["A tea."]


# Eager: the answer is begun before the end of the turn is sure

QUESTION = "What is your refund policy?"
POLICY = {"content": "Thirty days.", "score": 0.9}


@asynccontextmanager
async def eager(*passages: dict[str, Any]) -> AsyncIterator[tuple[Conversation, Any, Callable[..., Awaitable[None]]]]:
    """Run a bot that predicts; the caller has said the question and is silent, and the model has been asked."""
    line, context = Server(), LLMContext()
    cue = CueOptions(eager=True, grounding=bool(passages))
    turns = TurnPolicy(authority="cue")
    async with scripted(line.script) as server, scripted_http(answering("Thirty days.")) as model:
        hear = PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url, turns=turns, cue=cue)
        user, assistant = LLMContextAggregatorPair(context)
        llm = language_model(model)
        async with running(hear, user, PyAIGroundingProcessor(), llm, assistant) as pipeline:
            await line.connected()
            call = Conversation("cue", line, pipeline, context)
            await pipeline.audio(1.0, value=8000)
            await line.heard(32_000)
            await line.peer.say(type="partial", text=QUESTION, utterance_id="a", t_ms=1000)
            await pipeline.until(UserStartedSpeakingFrame)
            while not model.requests:
                await pipeline.audio(0.1, value=0)
                await asyncio.sleep(0.02)  # as a microphone would

            async def final(text: str = QUESTION) -> None:
                more = {"grounding": [*passages]} if passages else {}
                await line.peer.final(text, reason="endpoint", utterance_id="a", **more)

            yield call, model, final


async def test_an_answer_begun_early_is_kept_when_the_transcript_is_the_prediction() -> None:
    async with eager() as (call, model, final):
        assert call.said() == []
        await final("what is your refund policy")
        await call.pipeline.until(LLMContextAssistantTimestampFrame)
        await call.ended(1)
    assert len(model.requests) == 1
    assert call.said() == ["what is your refund policy"]
    assert call.happened() == ["start", "stop"]


async def test_a_caller_who_goes_on_is_answered_once_and_for_all_he_said() -> None:
    async with eager() as (call, model, final):
        more = f"{QUESTION} For shoes?"
        await call.pipeline.audio(0.5, value=8000)
        await call.server.peer.say(type="partial", text=more, utterance_id="a")
        await final(more)
        await call.pipeline.until(LLMContextAssistantTimestampFrame)
        await call.ended(1)
    assert asked(model)[-1] == [("user", more)]
    assert [message["content"] for message in call.context.get_messages()] == [more, "Thirty days."]  # type: ignore[index]


async def test_an_answer_begun_without_the_passages_is_begun_again_with_them() -> None:
    async with eager(POLICY) as (call, model, final):
        await final()
        await call.pipeline.until(LLMContextAssistantTimestampFrame)
        await call.ended(1)
    assert "Thirty days." not in str(asked(model)[0])
    assert "[1] Thirty days." in str(asked(model)[-1])
    assert [message["content"] for message in call.context.get_messages()] == [QUESTION, "Thirty days."]  # type: ignore[index]
