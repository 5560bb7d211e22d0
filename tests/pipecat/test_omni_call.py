"""An Omni call in a Pipecat pipeline: how it begins, the audio that goes in and out, its turns and metrics."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    LLMServiceMetadataFrame,
    MetricsFrame,
    STTMuteFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserAudioRawFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import ProcessingMetricsData, TTFBMetricsData
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.transcriptions.language import Language

from pipecat_pyai import PyAIOmniLLMService, PyAIOmniSettings, PyAIOmniUsageMetricsData
from pyai_voice.options import LinkOptions
from tests.core.omni_service import Peer, omni_service, stay
from tests.core.scripted import KEY
from tests.pipecat.omni import LOUD, TOLD, configured, hears, lookup_order, omni_bot, seen, tone, weather
from tests.pipecat.pipeline import audio, running

# The beginning


async def test_a_bare_pipeline_just_works() -> None:
    async def answer(peer: Peer) -> None:
        await peer.until(lambda: any(peer.audio))
        peer.machine.caller_said("Hello?")
        peer.machine.turn_begin(0.2)
        peer.machine.audio(tone(7, 0.3))
        peer.machine.agent_said("Hello!")
        await peer.stay()

    async with omni_bot(answer, run=False) as bot:
        await bot.pipeline.audio(0.4)
        await bot.wrote("user: Hello?", "assistant: Hello!")
        assert (await configured(await bot.peer()))["persona"] == TOLD
        assert bot.loudspeaker.samples(7) == round(0.3 * 24000)
        await bot.pipeline.until(BotStoppedSpeakingFrame)


async def test_the_agent_is_what_the_settings_and_the_context_say() -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Speak softly."},
        {"role": "user", "content": "Do you have oolong?"},
        {"role": "assistant", "content": [{"type": "text", "text": "We do."}]},
    ]
    context = LLMContext(messages, tools=[lookup_order])
    settings = PyAIOmniSettings(
        system_instruction=TOLD,
        voice="onyx",
        language=Language.EN_GB,
        greeting="Hello!",
        temperature=0.4,
        extra={"barge_sensitivity": "low"},
    )
    async with omni_bot(stay, context=context, settings=settings, system_instruction="not this") as bot:
        asked = await configured(await bot.peer())
    persona = asked.pop("persona")
    assert persona.startswith(f"{TOLD}\n\nSpeak softly.\n\n")
    assert persona.endswith("\nCaller: Do you have oolong?\nYou: We do.")
    tool = asked.pop("tools")[0]
    assert (tool["name"], tool["description"]) == ("lookup_order", "Find an order.")
    assert tool["parameters"]["properties"] == {"order_id": {"type": "string", "description": "Its number."}}
    assert asked == {
        "type": "configure",
        "voice_id": "onyx",
        "language": "en",
        "greeting": "Hello!",
        "temperature": 0.4,
        "barge_sensitivity": "low",
    }


async def test_audio_alone_waits_a_moment_for_the_context_and_none_of_it_is_lost() -> None:
    async with omni_bot(stay, run=False, context=LLMContext(tools=[weather])) as bot:
        await bot.pipeline.audio(0.1)
        await bot.pipeline.send(LLMMessagesAppendFrame([{"role": "system", "content": "Be brief."}], run_llm=True))
        peer = await bot.peer()
        asked = await configured(peer)
        assert asked["persona"] == f"{TOLD}\n\nBe brief." and len(asked["tools"]) == 1
        await seen(peer, lambda: peer.audio.count(LOUD.to_bytes(2, "little") * 1600))
        assert len(peer.kinds("configure")) == 1 == len(bot.service.dials)


async def test_tools_of_the_service_are_offered_and_carried_out_without_a_context() -> None:
    async def call(peer: Peer) -> None:
        await peer.configured()
        peer.machine.tool_call("weather", {}, asyncio.get_running_loop().time())
        await peer.stay()

    async with omni_bot(call, run=False, tools=[weather]) as bot:
        await bot.pipeline.audio(0.1)
        peer = await bot.peer()
        await seen(peer, lambda: peer.kinds("tool_result"))
        assert peer.kinds("tool_result")[0]["result"] == "sunny"


async def test_a_profile_is_used_as_it_is() -> None:
    options = {"session_label": "agent_1", "configure": False, "system_instruction": None}
    context = LLMContext([{"role": "system", "content": "ignored"}])
    async with omni_bot(stay, context=context, **options) as bot:
        peer = await bot.peer()
        await seen(peer, lambda: peer.audio)
        assert not peer.kinds("configure") and "session_label=agent_1" in str(peer.socket.request)


async def test_no_turn_is_taken_for_the_service_s_metadata_but_strategies_that_obey() -> None:
    async with omni_service(stay) as service:
        omni = PyAIOmniLLMService(api_key=KEY, base_url=service.endpoint.base_url)
        async with running(omni) as pipeline:
            metadata = await pipeline.until(LLMServiceMetadataFrame)
            assert not metadata.is_realtime_service and metadata.user_turn_strategies


# Audio

RATES = [
    (8000, 8000, 8000, 8000),
    (16000, 24000, 16000, 24000),
    (24000, 24000, 24000, 24000),
    (48000, 16000, 16000, 24000),
    (8000, 24000, 16000, 24000),
]


async def test_the_rates_of_the_pipeline() -> None:
    async with asyncio.TaskGroup() as calls:
        for rates in RATES:
            calls.create_task(talk(*rates))


async def talk(rate_in: int, rate_out: int, wire: int, service: int) -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        assert peer.machine.request.output_rate == service
        peer.machine.audio(tone(7, 0.5, service))
        await peer.until(lambda: len(peer.audio) >= wire * 2)
        await peer.stay()

    async with omni_bot(speak, rate_in=rate_in, rate_out=rate_out) as bot:
        await bot.pipeline.audio(0.5, rate_in)
        await bot.pipeline.until(BotStoppedSpeakingFrame)
        peer = await bot.peer()
        assert peer.machine.request.rate == wire
        await seen(peer, lambda: sum(map(bool, memoryview(bytes(peer.audio)).cast("h"))) >= 0.45 * wire)
        played = [sample for sample in memoryview(bot.loudspeaker.sound).cast("h") if sample]
        assert 0.48 * rate_out <= len(played) <= 0.52 * rate_out


async def test_audio_that_is_not_the_pipelines_is_one_error_and_odd_audio_none() -> None:
    async with omni_bot(stay) as bot:
        peer = await bot.peer()
        await configured(peer)
        stereo = InputAudioRawFrame(bytes(1280), 16000, 2)
        await bot.pipeline.send(stereo, stereo)
        await bot.pipeline.send(*(UserAudioRawFrame(b"\x11" * 641, 16000, 1, user_id="ann") for _ in range(20)))
        await seen(peer, lambda: peer.audio.count(b"\x11") >= 12_000)
        assert [error.error for error in bot.pipeline.errors] == [
            "Audio with 2 channels at 16000 Hz was dropped: this service was told of mono at 16000 Hz. Say what comes "
            "with PipelineParams(audio_in_sample_rate=...), and ask for mono with TransportParams(audio_in_channels=1)"
        ]


@pytest.mark.parametrize("how", ["service", "aggregator"])
async def test_a_muted_caller_is_silent(how: str) -> None:
    on, off = {
        "service": (STTMuteFrame(mute=True), STTMuteFrame(mute=False)),
        "aggregator": (UserMuteStartedFrame(), UserMuteStoppedFrame()),
    }[how]
    async with omni_bot(stay) as bot:
        peer = await bot.peer()
        await configured(peer)
        await bot.pipeline.send(on)
        await bot.pipeline.audio(0.3)
        await bot.pipeline.send(off)
        await bot.pipeline.audio(0.3, value=2000)
        await seen(peer, lambda: peer.audio.count((2000).to_bytes(2, "little") * 320))
        assert LOUD.to_bytes(2, "little") * 10 not in peer.audio


# Turns, metrics


async def test_turns_and_replies_are_told_in_pairs_and_measured() -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        for delta in ("Hello", " there"):
            peer.machine.caller_said(delta)
            await hears(peer, 0.04)
        peer.machine.turn_begin(0.3)
        peer.machine.audio(tone(7, 0.3))
        peer.machine.agent_said("Yes?")
        await peer.stay()

    async with omni_bot(converse) as bot:
        await bot.pipeline.until(BotStoppedSpeakingFrame)
        await bot.wrote("user: Hello there", "assistant: Yes?")
        await bot.pipeline.end()
    pairs = (
        (UserStartedSpeakingFrame, UserStoppedSpeakingFrame),
        (TTSStartedFrame, TTSStoppedFrame),
    )
    for pair in pairs:
        assert [type(frame) for frame in bot.pipeline.down if isinstance(frame, pair)] == list(pair)
    (ttfb,) = bot.pipeline.metrics(TTFBMetricsData)
    assert (ttfb.processor, ttfb.model) == (bot.omni.name, "pyai-omni") and 0.3 <= ttfb.value < 2
    (processing,) = bot.pipeline.metrics(ProcessingMetricsData)
    assert processing.value >= ttfb.value
    used = bot.pipeline.metrics(PyAIOmniUsageMetricsData)
    assert 0.5 < sum(each.seconds for each in used) < 20
    assert bot.pipeline.all(MetricsFrame) and not bot.pipeline.all(LLMFullResponseStartFrame)
    assert not bot.pipeline.all(LLMFullResponseEndFrame) and not bot.pipeline.errors


async def test_words_that_nobody_answers_become_a_turn_in_the_end() -> None:
    async def listen(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("mhm")
        await peer.stay()

    async with omni_bot(listen) as bot:
        await bot.wrote("user: mhm")
        await bot.pipeline.until(UserStoppedSpeakingFrame)


async def test_another_s_interruption_silences_the_agent_until_its_next_turn() -> None:
    go_on = asyncio.Event()

    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(20):
            peer.machine.audio(tone(7, 0.5))
        peer.machine.agent_said("A long story")
        await peer.until(go_on.is_set)
        peer.machine.audio(tone(8, 0.5))
        peer.machine.turn_begin()
        peer.machine.audio(tone(9, 0.2))
        peer.machine.agent_said("Next.")
        await peer.stay()

    async with omni_bot(speak) as bot:
        await bot.pipeline.until(BotStartedSpeakingFrame)
        await bot.pipeline.send(InterruptionFrame())
        await bot.pipeline.until(BotStoppedSpeakingFrame)
        before = bot.loudspeaker.samples(7)
        go_on.set()
        await bot.wrote("assistant: Next.")
        assert bot.loudspeaker.samples(7) == before < 2 * 24000
        assert (bot.loudspeaker.samples(8), bot.loudspeaker.samples(9)) == (0, 4800)


async def test_a_call_that_was_never_begun_ends_at_once() -> None:
    async with omni_bot(stay, run=False, link=LinkOptions()) as bot:
        await bot.pipeline.end()
        assert not bot.service.dials and not bot.pipeline.errors
        assert audio(0.1)
