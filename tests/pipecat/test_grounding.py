"""Passages on their way from the socket to the model: in front of the question, gone afterwards, never in the history.

Everything is real but the two servers at the ends: Hear's says what a test wants, and so does the model's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMContextAssistantTimestampFrame,
    LLMContextFrame,
    LLMMessagesAppendFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frameworks.rtvi.frames import RTVIServerMessageFrame
from pipecat.services.llm_service import FunctionCallParams

from pipecat_pyai import (
    CueOptions,
    GroundingStyle,
    PyAICommitFrame,
    PyAIGroundingFrame,
    PyAIGroundingProcessor,
    PyAISTTService,
    TurnPolicy,
)
from pipecat_pyai._pending import PendingPassages
from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Passage
from pyai_voice.options import TurnAuthority
from tests.core.scripted import KEY, Peer, Script, scripted, stay
from tests.core.scripted_http import Reply, Scripted
from tests.core.scripted_http import scripted as scripted_http
from tests.frameworks import frameworks_leave_http_clients_open
from tests.pipecat.model import answering, asked, calling, language_model
from tests.pipecat.pipeline import Happenings, Running, running

__all__ = ["frameworks_leave_http_clients_open"]
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Pipecat's OpenAI service never closes

HOURS = {"content": "We open at seven.", "score": 0.9}
PRICES = {"content": "A flat white is 3.20.", "score": 0.4}
QUESTION = "When do you open?"
ORDER = (PyAIGroundingFrame, TranscriptionFrame, ProposedUserStoppedSpeakingFrame)


def grounded(text: str = QUESTION, *passages: dict[str, Any], name: str = "a", reason: str = "endpoint") -> Script:
    """Say one utterance with its passages."""

    async def say(peer: Peer) -> None:
        await peer.say(type="partial", text=text.split()[0], utterance_id=name)
        await peer.final(text, reason=reason, utterance_id=name, grounding=[*passages])

    return say


async def utterance(peer: Peer, text: str, name: str) -> None:
    await peer.say(type="partial", text=text.split()[0], utterance_id=name)
    await peer.final(text, reason="endpoint", utterance_id=name)


@dataclass
class Bot:
    """A conversation that runs: audio in, requests to the model out."""

    pipeline: Running
    model: Scripted
    context: LLMContext
    grounding: PyAIGroundingProcessor
    happened: Happenings
    spoken: int = field(default=0)

    async def turn(self) -> None:
        """Let the caller speak, and wait for the whole answer."""
        self.spoken += 1
        await self.pipeline.audio(0.4)
        await self.pipeline.until(LLMContextAssistantTimestampFrame, self.spoken)

    def history(self) -> list[str]:
        return [str(message.get("content")) for message in self.context.get_messages()]  # type: ignore[union-attr]


@asynccontextmanager
async def bot(
    *scripts: Script, replies: list[Reply] | None = None, tools: list[Any] | None = None, **options: Any
) -> AsyncIterator[Bot]:
    """Run a conversation: one script for each turn, each begun by 0.4 s of audio."""

    async def talk(peer: Peer) -> None:
        for number, script in enumerate(scripts):
            await peer.hear_audio(12_800 * number + 1000)
            await script(peer)
        await stay(peer)

    cue, policy = CueOptions(grounding=True), TurnPolicy(authority="cue")
    context = LLMContext(tools=tools) if tools else LLMContext()
    async with scripted(talk) as server, scripted_http(*(replies or [answering("At seven.")])) as model:
        hear = PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url, cue=cue, turns=policy)
        grounding = PyAIGroundingProcessor(**options)
        happened = Happenings(grounding, "on_grounding")
        user, assistant = LLMContextAggregatorPair(context)
        async with running(hear, user, grounding, language_model(model), assistant) as pipeline:
            yield Bot(pipeline, model, context, grounding, happened)


async def test_the_model_gets_the_passages_before_the_question_and_the_history_does_not() -> None:
    async with bot(grounded(QUESTION, PRICES, HOURS)) as call:
        await call.turn()
        await call.pipeline.when(lambda: len(call.history()) == 2, "the answer in the history")
    (messages,) = asked(call.model)
    assert [role for role, _ in messages] == ["developer", "user"]
    assert messages[0][1].index("[1] We open at seven.") < messages[0][1].index("[2] A flat white is 3.20.")
    assert messages[1] == ("user", QUESTION)
    assert call.history() == [QUESTION, "At seven."]


@pytest.mark.parametrize("mode", ["ephemeral", "turn"])
async def test_passages_of_one_turn_never_reach_the_next(mode: str) -> None:
    async def thanks(peer: Peer) -> None:
        await utterance(peer, "Thank you.", "b")

    async with bot(grounded(QUESTION, HOURS), thanks, mode=mode) as call:
        await call.turn()
        await call.turn()
        await call.pipeline.end()
    assert "seven" in str(asked(call.model)[0])
    assert [content for _, content in asked(call.model)[1]] == [QUESTION, "At seven.", "Thank you."]
    assert call.history() == [QUESTION, "At seven.", "Thank you.", "At seven."]


async def look_up(params: FunctionCallParams) -> None:
    """Look something up."""
    await params.result_callback({"found": "yes"})


@pytest.mark.parametrize(("mode", "seen"), [("ephemeral", False), ("turn", True)])
async def test_the_call_after_a_tool_sees_the_passages_where_that_is_wanted(mode: str, seen: bool) -> None:
    replies = [calling("look_up"), answering("At seven.")]
    async with bot(grounded(QUESTION, HOURS), replies=replies, tools=[look_up], mode=mode) as call:
        await call.turn()
        await call.pipeline.when(lambda: "At seven." in call.history(), "the answer in the history")
        await call.pipeline.end()
    first, second = call.model.requests
    assert "We open" in first.body.decode()
    assert ("We open" in second.body.decode()) is seen
    assert first.json["tools"] == second.json["tools"]
    assert first.json["tools"][0]["function"]["name"] == "look_up"
    assert not [said for said in call.history() if "We open" in said], "the history is clean when the call is over"


async def test_a_question_that_found_nothing_is_left_as_it_is_or_the_model_is_told() -> None:
    async with bot(grounded(QUESTION)) as call:
        await call.turn()
    assert asked(call.model) == [[("user", QUESTION)]]
    style = GroundingStyle(on_empty="instruct", nothing_found="Nothing known.")
    async with bot(grounded(QUESTION), style=style) as call:
        await call.turn()
    assert asked(call.model) == [[("developer", "Nothing known."), ("user", QUESTION)]]


async def test_style_and_citations_show_the_same_passages() -> None:
    style = GroundingStyle(template="Facts: {passages}", minimum_score=0.5, role="user")
    async with bot(grounded(QUESTION, PRICES, HOURS), style=style) as call:
        await call.turn()
        (told,) = await call.happened.until("on_grounding")
        message = await call.pipeline.until(RTVIServerMessageFrame)
    assert asked(call.model) == [[("user", "Facts: [1] We open at seven."), ("user", QUESTION)]]
    assert told == (Passage("We open at seven.", 0.9),)
    assert message.data == {"type": "pyai-grounding", "passages": [{"content": "We open at seven.", "score": 0.9}]}
    assert call.happened.names() == ["on_grounding"]


async def test_citations_can_be_kept_from_clients() -> None:
    async with bot(grounded(QUESTION, HOURS), citations=False) as call:
        await call.turn()
        await call.happened.until("on_grounding")
    assert call.pipeline.all(RTVIServerMessageFrame) == []


async def test_a_turn_without_text_leaves_no_passages() -> None:
    async def cough(peer: Peer) -> None:
        await peer.say(type="partial", text="um", utterance_id="a")
        await peer.say(type="speech_final", text="um", utterance_id="a", grounding=[HOURS])
        await peer.say(type="partial", text="um", utterance_id="a")

    async def question(peer: Peer) -> None:
        await peer.say(type="final", text="", utterance_id="a", endpoint_reason="endpoint")
        await utterance(peer, "Tea, please.", "b")

    async with bot(cough, question) as call:
        await call.pipeline.audio(0.4)
        await call.turn()
    assert "We open" not in str(asked(call.model))


async def test_what_is_typed_is_another_question() -> None:
    async with bot(grounded(QUESTION, HOURS)) as call:
        await call.turn()
        await call.pipeline.when(lambda: len(call.history()) == 2, "the answer in the history")
        typed: Any = {"role": "user", "content": "And where?"}
        await call.pipeline.send(LLMMessagesAppendFrame(messages=[typed], run_llm=True))
        await call.pipeline.until(LLMContextAssistantTimestampFrame, 2)
    assert [content for _, content in asked(call.model)[1]] == [QUESTION, "At seven.", "And where?"]


async def test_an_interruption_does_not_drop_passages_that_wait_for_their_transcript() -> None:
    said = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.say(type="partial", text="When", utterance_id="a")
        await peer.say(type="speech_final", text=QUESTION, utterance_id="a", grounding=[HOURS])
        await said.wait()
        await peer.say(type="final", text=QUESTION, utterance_id="a", endpoint_reason="endpoint", grounding=[HOURS])

    async with bot(slow) as call:
        await call.pipeline.audio(0.4)
        await call.pipeline.until(PyAIGroundingFrame)
        await call.pipeline.send(InterruptionFrame())
        await call.pipeline.until(InterruptionFrame, 2)
        said.set()
        await call.pipeline.until(LLMContextAssistantTimestampFrame)
    assert "We open" in str(asked(call.model))


@pytest.mark.parametrize("authority", ["cue", "framework", "client"])
async def test_passages_then_transcript_then_stop(authority: TurnAuthority) -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        if authority != "cue":
            await peer.say(type="partial", text="When", utterance_id="a")
            await peer.hear_commit()
        await grounded(QUESTION, HOURS, reason="endpoint" if authority == "cue" else "client_commit")(peer)
        await stay(peer)

    async with scripted(talk) as server:
        hear = PyAISTTService(
            api_key=KEY,
            base_url=server.endpoint.base_url,
            cue=CueOptions(grounding=True),
            turns=TurnPolicy(authority=authority),
        )
        async with running(hear) as pipeline:
            await pipeline.say(0.4)
            await pipeline.send(PyAICommitFrame())
            await pipeline.until(TranscriptionFrame)
            if authority != "framework":
                await pipeline.until(ProposedUserStoppedSpeakingFrame)
    came = [type(frame) for frame in pipeline.down if isinstance(frame, ORDER)]
    assert came == [kind for kind in ORDER if authority != "framework" or kind is not ORDER[-1]]


# The processor by itself


def passages(*contents: str) -> tuple[Passage, ...]:
    return tuple(Passage(content, 0.9) for content in contents)


def question(text: str = QUESTION, *, speculation: bool = False, tools: Any = None) -> LLMContextFrame:
    messages: Any = [{"role": "user", "content": text}]
    context = LLMContext(messages, tools=tools) if tools else LLMContext(messages)
    return LLMContextFrame(context, speculation=speculation)


async def through(*frames: Frame, **options: Any) -> list[LLMContextFrame]:
    """Send frames through a processor; return the contexts that came out."""
    async with running(PyAIGroundingProcessor(**options)) as pipeline:
        await pipeline.send(*frames)
        await pipeline.until(LLMContextFrame, sum(isinstance(frame, LLMContextFrame) for frame in frames))
    return pipeline.all(LLMContextFrame)


async def test_a_speculative_call_gets_a_copy_and_stays_speculative() -> None:
    frame = question(speculation=True, tools=[look_up])
    (out,) = await through(PyAIGroundingFrame("u1", passages("Seven.")), frame, mode="turn")
    assert out.speculation
    assert out.context is not frame.context
    assert out.context.tools == frame.context.tools
    assert len(frame.context.get_messages()) == 1
    assert "Seven." in str(out.context.get_messages())


async def test_a_context_that_ends_with_an_answer_or_holds_no_question_is_left_alone() -> None:
    answered, empty = question(), LLMContextFrame(LLMContext())
    answered.context.add_message({"role": "assistant", "content": "At seven."})
    assert await through(PyAIGroundingFrame("u1", passages("Seven.")), answered, empty) == [answered, empty]


async def test_while_the_user_is_muted_no_passages_are_kept() -> None:
    frames = (
        PyAIGroundingFrame("u1", passages("One.")),
        UserMuteStartedFrame(),
        PyAIGroundingFrame("u2", passages("Two.")),
        UserMuteStoppedFrame(),
    )
    asking = question()
    assert await through(*frames, asking) == [asking]


async def test_in_turn_mode_the_next_turn_cleans_the_history() -> None:
    asking = question()
    async with running(PyAIGroundingProcessor(mode="turn")) as pipeline:
        await pipeline.send(PyAIGroundingFrame("u1", passages("Seven.")), asking)
        await pipeline.until(LLMContextFrame)
        held = list(asking.context.get_messages())
        await pipeline.send(UserStoppedSpeakingFrame(), UserStartedSpeakingFrame())
        await pipeline.until(UserStartedSpeakingFrame)
    assert len(held) == 2
    assert asking.context.get_messages() == [{"role": "user", "content": QUESTION}]


@pytest.mark.parametrize(("options", "named"), [({"mode": "forever"}, "mode")])
def test_a_wrong_option_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        PyAIGroundingProcessor(**options)


def test_the_utterances_of_one_turn_are_grounded_together_and_each_by_its_last_passages() -> None:
    pending = PendingPassages()
    pending.turn_started()
    pending.take("u1", passages("One."))
    pending.take("u2", passages("Two."))
    pending.take("u1", passages("First."))
    assert pending.answer(QUESTION) == passages("Two.", "First.")


def test_passages_that_come_just_before_their_turn_is_seen_to_begin_are_kept() -> None:
    pending = PendingPassages()
    pending.take("u1", passages("One."))
    pending.turn_started()
    assert pending.answer(QUESTION) == passages("One.")


def test_passages_that_were_used_or_outlived_their_turn_are_gone_with_the_next() -> None:
    pending = PendingPassages()
    pending.take("u1", passages("One."))
    assert pending.answer(QUESTION) == passages("One.")
    pending.turn_started()
    assert pending.answer("Tea.") is None
    pending.take("u2", passages("Two."))
    pending.turn_stopped()
    pending.turn_started()
    assert pending.answer("Tea.") is None


def test_a_question_may_come_after_the_end_of_its_turn_and_twice() -> None:
    pending = PendingPassages()
    pending.turn_started()
    pending.take("u1", passages("One."))
    assert pending.answer("when do you open", speculation=True) == passages("One.")
    pending.turn_stopped()
    assert pending.answer(QUESTION) == passages("One.")
    assert pending.answer(QUESTION) == passages("One.")
    assert pending.answer("And where?") is None
    assert pending.answer(QUESTION) is None
