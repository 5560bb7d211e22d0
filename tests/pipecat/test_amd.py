"""Who has answered, in a real pipeline: what is held, released and dropped. The service says what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.frames.frames import (
    DataFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMRunFrame,
    TTSSpeakFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair

from pipecat_pyai import AmdDecision, AmdOptions, PyAIAmdFrame, PyAIAmdProcessor
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, UnsupportedError
from pyai_voice.options import Endpoint
from tests.core.amd_service import HUMAN, Peer, Script, Service, after, amd_service, stay
from tests.core.scripted import KEY
from tests.pipecat.conftest import Log
from tests.pipecat.pipeline import Happenings, Running, running

GREETING = "Hello, this is the coffee bar."
MACHINE = AmdDecision("machine", "machine_start", 0.9, 1.0, "leave a message", "C_1")
UNKNOWN = AmdDecision("unknown", "unknown", 0.0, 1.0, "nothing", "C_1", rule_id="decision_timeout")


class Mark(DataFrame):
    """Comes after everything that was queued before it."""


class Call:
    """A pipeline with a processor in it."""

    def __init__(self, pipeline: Running, amd: PyAIAmdProcessor, happened: Happenings, service: Service) -> None:
        self.pipeline, self.amd, self.happened, self.service = pipeline, amd, happened, service

    def said(self) -> list[str]:
        return [frame.text for frame in self.pipeline.down if isinstance(frame, TTSSpeakFrame)]

    def turns(self) -> list[LLMContextFrame]:
        return [frame for frame in self.pipeline.down if isinstance(frame, LLMContextFrame)]

    async def passed(self) -> None:
        """Wait until what was queued before has come to the end."""
        mark = Mark()
        await self.pipeline.send(mark)
        await self.pipeline.when(lambda: mark in self.pipeline.down)


@asynccontextmanager
async def call(script: Script, **options: Any) -> AsyncIterator[Call]:
    async with amd_service(script) as service:
        options.setdefault("hold", 30.0)
        amd = PyAIAmdProcessor(api_key=KEY, base_url=service.endpoint.base_url, **options)
        happened = Happenings(amd, "on_decision", "on_released")
        async with running(amd) as pipeline:
            yield Call(pipeline, amd, happened, service)


def decided(decision: AmdDecision, go: asyncio.Event) -> Script:
    """Decide when the test says so."""

    async def script(peer: Peer) -> None:
        await peer.until(lambda: peer.coded)
        await go.wait()
        await peer.decide(decision)
        await peer.until(lambda: False)

    return script


async def test_a_greeting_waits_for_the_person_and_is_the_answer_to_his_hello() -> None:
    go = asyncio.Event()
    async with call(decided(HUMAN, go)) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING))
        await made.pipeline.audio(0.5)
        await made.pipeline.send(InterruptionFrame(), LLMContextFrame(LLMContext()))  # the person says hello
        await made.passed()
        assert not made.said()
        go.set()
        (decision,) = await made.happened.until("on_decision")
        await made.pipeline.until(TTSSpeakFrame)
        assert decision == made.amd.decision
        assert decision.is_human()
        assert made.happened.names() == ["on_released", "on_decision"]
        await made.passed()
        assert made.said() == [GREETING]
        assert not made.turns()
        await made.pipeline.send(LLMContextFrame(LLMContext()))
        await made.pipeline.until(LLMContextFrame)


async def test_without_a_greeting_the_models_latest_turn_goes_on() -> None:
    go = asyncio.Event()
    latest = LLMContext([{"role": "user", "content": "Hello?"}])
    async with call(decided(HUMAN, go)) as made:
        await made.pipeline.audio(0.1)
        await made.pipeline.send(LLMContextFrame(LLMContext()), LLMContextFrame(latest))
        await made.passed()
        go.set()
        assert (await made.pipeline.until(LLMContextFrame)).context is latest
        assert len(made.turns()) == 1


async def test_a_turn_that_the_person_interrupted_is_forgotten() -> None:
    go = asyncio.Event()
    async with call(decided(HUMAN, go)) as made:
        await made.pipeline.audio(0.1)
        await made.pipeline.send(LLMContextFrame(LLMContext()))
        await made.passed()
        await made.pipeline.send(InterruptionFrame())
        await made.passed()
        go.set()
        await made.happened.until("on_decision")
        await made.passed()
        assert not made.turns()


async def test_a_machine_is_not_greeted_but_may_be_left_a_message() -> None:
    async with call(after(0.5, MACHINE)) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING), LLMRunFrame())
        await made.pipeline.audio(1.0)
        await made.happened.until("on_decision")
        await made.pipeline.send(TTSSpeakFrame("Please call us back."), LLMContextFrame(LLMContext()))
        await made.passed()
        assert made.said() == ["Please call us back."]
        assert not made.turns()
        assert made.happened.names() == ["on_decision"]
        await made.amd.release()
        await made.pipeline.send(LLMContextFrame(LLMContext()))
        await made.pipeline.until(LLMContextFrame)


async def test_the_model_may_be_let_talk_to_machines() -> None:
    async with call(after(0.1, MACHINE), talk_to_machines=True) as made:
        await made.pipeline.send(LLMContextFrame(LLMContext()))
        await made.pipeline.audio(0.5)
        await made.pipeline.until(LLMContextFrame)


async def test_who_is_not_known_is_taken_for_a_person() -> None:
    async with call(after(0.1, UNKNOWN)) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING))
        await made.pipeline.audio(0.5)
        await made.pipeline.until(TTSSpeakFrame)
        await made.happened.until("on_decision")
        assert made.happened.names() == ["on_released", "on_decision"]


async def test_the_decision_goes_both_ways_once() -> None:
    async with call(after(0.1)) as made:
        await made.pipeline.audio(0.5)
        await made.happened.until("on_decision")
        await made.pipeline.until(PyAIAmdFrame, 2)
        (down,) = [frame for frame in made.pipeline.down if isinstance(frame, PyAIAmdFrame)]
        (up,) = [frame for frame in made.pipeline.up if isinstance(frame, PyAIAmdFrame)]
        assert down.decision == up.decision == made.amd.decision


async def test_when_the_hold_is_over_the_bot_speaks_and_a_machine_is_still_told() -> None:
    go = asyncio.Event()
    async with call(decided(MACHINE, go), hold=0.1) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING))
        await made.pipeline.audio(0.2)
        await made.pipeline.until(TTSSpeakFrame)
        assert await made.happened.until("on_released") == (None,)
        go.set()
        await made.happened.until("on_decision")
        await made.pipeline.send(LLMContextFrame(LLMContext()))
        await made.passed()
        assert not made.turns()


async def test_the_hold_counts_from_the_first_sound_of_the_call() -> None:
    async with call(stay, hold=0.05) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING))
        await asyncio.sleep(0.2)  # it still rings
        assert not made.said()
        await made.pipeline.audio(0.1)
        await made.pipeline.until(TTSSpeakFrame)


async def test_nothing_is_held_where_nothing_is_to_be_held() -> None:
    async with call(stay, hold=0) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING))
        await made.pipeline.until(TTSSpeakFrame)


async def test_without_the_service_the_bot_speaks() -> None:
    async with amd_service(stay, refusals=[401]) as service:
        amd = PyAIAmdProcessor(api_key=KEY, base_url=service.endpoint.base_url, hold=30)
        happened = Happenings(amd, "on_decision")
        async with running(amd) as pipeline:
            await pipeline.send(TTSSpeakFrame(GREETING))
            await pipeline.audio(0.1)
            (decision,) = await happened.until("on_decision")
            assert (decision.answered_by, decision.rule_id) == ("unknown", "error")
            await pipeline.until(TTSSpeakFrame)
            error = await pipeline.until(ErrorFrame)
            assert not error.fatal
            assert KEY not in repr(decision) + error.error


async def test_an_outage_is_one_warning_and_the_reason_of_the_decision(log: Log) -> None:
    async with amd_service(stay, refusals=[503] * 99) as service:
        options = AmdOptions(deadline=0.5)
        amd = PyAIAmdProcessor(api_key=KEY, base_url=service.endpoint.base_url, options=options)
        happened = Happenings(amd, "on_decision")
        async with running(amd) as pipeline:
            await pipeline.audio(0.1)
            (decision,) = await happened.until("on_decision")
    assert decision.reason.startswith("no decision within 0.5 s: ") and "503" in decision.reason
    assert [text.count("dialling again") for text in log.of("WARNING")] == [1]


async def test_sound_of_another_rate_is_complained_of_once_and_the_bot_speaks() -> None:
    async with call(stay) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING))
        await made.pipeline.audio(0.1, rate=8000)
        await made.pipeline.until(TTSSpeakFrame)
        assert len(made.pipeline.errors) == 1


async def test_the_service_hears_the_call_and_is_told_the_options() -> None:
    options = AmdOptions(session_label="sale 7", parameters={"lead": "42"})
    async with call(after(0.5), options=options) as made:
        await made.pipeline.audio(1.0)
        await made.happened.until("on_decision")
        (peer,) = made.service.peers
        assert peer.query == {"session_label": "sale 7"}
        assert peer.started and peer.started.parameters == {"lead": "42"}
        assert made.amd.decision and made.amd.decision.parameters == {"lead": "42"}
        assert len([frame for frame in made.pipeline.down if isinstance(frame, InputAudioRawFrame)]) == 50


async def test_behind_the_user_aggregator_it_hears_the_call_and_holds_a_run_of_the_model() -> None:
    go = asyncio.Event()
    async with amd_service(decided(HUMAN, go)) as service:
        amd = PyAIAmdProcessor(api_key=KEY, base_url=service.endpoint.base_url, hold=30)
        happened = Happenings(amd, "on_decision")
        user, _ = LLMContextAggregatorPair(LLMContext([{"role": "user", "content": "Begin."}]))
        async with running(user, amd) as pipeline:
            await pipeline.send(LLMRunFrame())
            await pipeline.audio(0.2)
            await pipeline.until(InputAudioRawFrame, 10)
            assert not pipeline.all(LLMContextFrame)
            go.set()
            await happened.until("on_decision")
            await pipeline.until(LLMContextFrame)


async def test_a_call_that_ends_undecided_leaves_nothing_behind() -> None:
    async with call(stay) as made:
        await made.pipeline.send(TTSSpeakFrame(GREETING))
        await made.pipeline.audio(0.1)
        await made.pipeline.end()
    assert made.amd.decision is None
    assert not made.said()


def test_a_provider_without_amd_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="amd"):
        PyAIAmdProcessor(client=Client(Endpoint.audiopod("ap_0123456789abcdef")))


@pytest.mark.parametrize(
    ("options", "named"),
    [({"hold": -1}, "hold"), ({"api_key": ""}, "PYAI_API_KEY"), ({"aggressiveness": 1}, "options=AmdOptions")],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=named):
        PyAIAmdProcessor(**{"api_key": KEY, **options})
