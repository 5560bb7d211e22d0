"""What goes wrong with an Omni call in Pipecat: one clear error each, and the bot goes on where it can."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger
from pipecat.frames.frames import BotStoppedSpeakingFrame, LLMMessagesAppendFrame, LLMUpdateSettingsFrame, StartFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.utils.errors import ErrorCategory

from pipecat_pyai import PyAIOmniLLMService, PyAIOmniSettings
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, UnsupportedError
from pyai_voice.omni_options import LONGEST_PERSONA
from pyai_voice.options import Endpoint, LinkOptions
from tests.core.omni_service import Peer, stay
from tests.core.scripted import KEY
from tests.pipecat.conftest import Traced
from tests.pipecat.omni import answering, configured, hears, omni_bot, take_turns, tone
from tests.pipecat.pipeline import PATIENCE, Happenings


def confirming(**said: Any) -> Any:
    """Return a script that confirms something else than was asked for, and talks on."""

    async def script(peer: Peer) -> None:
        peer.confirms = False
        await peer.configured()
        truth: dict[str, Any] = {"voice": "onyx", "language": "en", "greeting": False, "knowledge": False, "tools": 0}
        peer.machine.confirm(**(truth | said))
        peer.machine.audio(tone(7, 0.2))
        await peer.stay()

    return script


# What the program does wrong


def test_a_service_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="key"):
        PyAIOmniLLMService()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"system_instruction": "x" * 32_001}, "persona"),
        ({"greeting": "x" * 1_001}, "greeting"),
        ({"session_label": "line\nbreak"}, "session_label"),
        ({"configure": False}, "session_label"),
        ({"settings": PyAIOmniSettings(kb_endpoint="http://example.com/kb")}, "kb_endpoint"),
        ({"settings": PyAIOmniSettings(temperature=9)}, "temperature"),
        ({"kb_endpoint": "https://example.com/kb"}, "settings=PyAIOmniLLMService.Settings"),
    ],
)
def test_options_that_are_wrong_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        PyAIOmniLLMService(api_key=KEY, **options)


def test_a_provider_without_omni_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="omni"):
        PyAIOmniLLMService(client=Client(Endpoint.audiopod("ap_0123456789abcdef")))


async def test_a_context_with_too_much_is_one_error_and_the_call_waits_for_a_better_one() -> None:
    context = LLMContext([{"role": "system", "content": "x" * 32_001}])
    async with omni_bot(stay, context=context) as bot:
        await bot.pipeline.when(lambda: bool(bot.pipeline.errors))
        await bot.pipeline.audio(0.5)
        await asyncio.sleep(0.4)  # longer than audio alone would wait
        assert not bot.service.dials
        context.set_messages([])
        await bot.pipeline.send(LLMMessagesAppendFrame([{"role": "system", "content": "Be brief."}], run_llm=True))
        assert (await configured(await bot.peer()))["persona"].endswith("Be brief.")
        (error,) = bot.pipeline.errors
        assert "persona" in error.error and error.category is ErrorCategory.APPLICATION and bot.omni.is_usable


async def test_what_was_said_before_has_the_room_that_the_instructions_leave() -> None:
    context = LLMContext([{"role": "user", "content": f"Sentence {number}."} for number in range(1000)])
    async with omni_bot(stay, context=context, system_instruction="x" * (LONGEST_PERSONA - 200)) as bot:
        peer = await bot.peer()
        persona = (await configured(peer))["persona"]
        assert LONGEST_PERSONA - 20 < len(persona) <= LONGEST_PERSONA
        assert persona.endswith("\nCaller: Sentence 998.\nCaller: Sentence 999.")
        await bot.pipeline.send(LLMMessagesAppendFrame([{"role": "system", "content": "y" * 190}], run_llm=True))
        assert (await configured(peer, 2))["persona"].endswith("y" * 190)
        assert not bot.pipeline.errors


# What the service does otherwise than asked


async def test_an_agent_that_is_not_as_asked_for_does_not_talk() -> None:
    async with omni_bot(confirming(voice="echo"), voice="zoe") as bot:
        events = Happenings(bot.omni, "on_connection_error")
        (said,) = await events.until("on_connection_error")
        await bot.pipeline.when(lambda: bool(bot.pipeline.errors))
        (error,) = bot.pipeline.errors
        assert error.error == said and "voice zoe (echo is used)" in said
        assert error.category is ErrorCategory.INVALID_REQUEST and not bot.omni.is_usable
        await bot.pipeline.send(LLMUpdateSettingsFrame(delta=PyAIOmniSettings(voice="echo")))
        assert (await configured(await bot.peer(1)))["voice_id"] == "echo"
        assert bot.omni.is_usable


async def test_why_the_agent_is_not_as_asked_for_is_said_in_the_same_error() -> None:
    async def refuse(peer: Peer) -> None:
        peer.confirms = False
        await peer.configured()
        peer.machine.error("unknown_voice", "there is no voice 'zoe'")
        peer.machine.confirm(voice="echo", language="en", greeting=False, knowledge=False, tools=0)
        await peer.stay()

    async with omni_bot(refuse, voice="zoe") as bot:
        await bot.pipeline.when(lambda: bool(bot.pipeline.errors) and not bot.omni.is_usable)
        await asyncio.sleep(0.3)  # longer than a complaint waits for its consequence
        (error,) = bot.pipeline.errors
        assert "voice zoe (echo is used)" in error.error and "there is no voice 'zoe'" in error.error


async def test_or_it_talks_and_the_difference_is_reported() -> None:
    async with omni_bot(confirming(voice="echo"), voice="zoe", on_mismatch="report") as bot:
        await bot.pipeline.until(BotStoppedSpeakingFrame)
        (error,) = bot.pipeline.errors
        assert "voice zoe (echo is used)" in error.error and bot.omni.is_usable


@pytest.mark.parametrize("close", [1011, 1008])
async def test_why_the_service_hangs_up_is_said_once(close: int) -> None:
    async def fail(peer: Peer) -> None:
        await peer.configured()
        await peer.socket.send(b'\x01{"detail":"unknown voice zoe","code":"invalid_voice"}')
        await peer.socket.close(close)

    async with omni_bot(fail, voice="zoe") as bot:
        await bot.pipeline.when(lambda: bool(bot.pipeline.errors) and not bot.omni.is_usable)
        await asyncio.sleep(0.3)
        (error,) = bot.pipeline.errors
        assert "unknown voice zoe" in error.error


async def test_what_is_malformed_is_reported_and_the_call_goes_on() -> None:
    async def stammer(peer: Peer) -> None:
        await peer.configured()
        for message in (b"\x01\x00\x00\x00", b"\x09what", "text", b"\x03{"):
            await peer.socket.send(message)
        peer.machine.error("internal_error", "a hiccup")
        peer.machine.audio(tone(7, 0.2))
        peer.machine.agent_said("Still here.")
        await peer.stay()

    async with omni_bot(stammer) as bot:
        await bot.wrote("assistant: Still here.")
        said = " ".join(error.error for error in bot.pipeline.errors)
        for complaint in ("half a sample", "the unknown tag 9", "without a tag", "no JSON object", "a hiccup"):
            assert said.count(complaint) == 1, said
        assert bot.omni.is_usable


# The connection


@pytest.mark.parametrize(
    ("status", "category"),
    [(401, ErrorCategory.AUTHENTICATION), (403, ErrorCategory.AUTHORIZATION), (400, ErrorCategory.INVALID_REQUEST)],
)
async def test_a_refused_upgrade_is_one_error_of_its_kind(status: int, category: ErrorCategory) -> None:
    async with omni_bot(stay, refusals=[(status, {})]) as bot:
        await bot.pipeline.when(lambda: bool(bot.pipeline.errors))
        (error,) = bot.pipeline.errors
        assert error.category is category and not bot.omni.is_usable
        await bot.pipeline.audio(0.5)
        await bot.pipeline.end()
        assert len(bot.service.dials) == 1


async def test_a_lost_call_goes_on_as_a_new_one_that_knows_what_was_said() -> None:
    async def lose(peer: Peer) -> None:
        await peer.configured()
        take_turns(peer, "A green tea", "Large or small?", seconds=0.7)
        await hears(peer, 1.3)
        peer.machine.caller_said("La")
        await peer.flush()
        peer.socket.transport.abort()

    async with omni_bot(lose, answering("Large", "Coming.", value=8), greeting="Hello!") as bot:
        events = Happenings(bot.omni, "on_connected", "on_disconnected", "on_reconnected")
        await bot.wrote("user: A green tea", "assistant: Large or small?", "user: La Large", "assistant: Coming.")
        asked = await configured(await bot.peer(1))
        assert asked["greeting"] == "" and "You: Large or small?" in asked["persona"]
        assert events.names()[-3:] == ["on_disconnected", "on_connected", "on_reconnected"]
        assert not bot.pipeline.errors


async def test_what_the_caller_says_to_nobody_is_one_error_that_says_how_much() -> None:
    async def lose(peer: Peer) -> None:
        await peer.configured()
        peer.socket.transport.abort()

    async with omni_bot(lose, stay) as bot:
        events = Happenings(bot.omni, "on_disconnected", "on_reconnected")
        await events.until("on_disconnected")
        await bot.pipeline.audio(5.0)
        assert await events.until("on_reconnected") == (2.0,)
        (error,) = bot.pipeline.errors
        assert error.error == "3.0 s of audio were lost" and error.category is ErrorCategory.CONNECTIVITY


async def test_an_outage_that_lasts_is_one_error_and_the_next_call_knows_what_was_said() -> None:
    async def lose(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("A green tea")
        peer.machine.turn_begin(0.1)
        await peer.flush()
        peer.socket.transport.abort()

    busy = [(503, {})]
    async with omni_bot(lose, stay, link=LinkOptions(ride_through=0.5)) as bot:
        await bot.peer()
        bot.service.refusals += busy * 2
        peer = await bot.peer(1)
        assert "Caller: A green tea" in (await configured(peer))["persona"]
        assert {error.category for error in bot.pipeline.errors} == {ErrorCategory.SERVER} and bot.omni.is_usable


# Hygiene


async def test_the_key_is_in_no_frame_and_no_repr_and_spans_say_what_was_said(traced: Traced) -> None:
    async with omni_bot(answering("Hello", "Yes?"), pipeline={"enable_tracing": True}, kb_token=KEY + "_kb") as bot:
        await bot.wrote("user: Hello", "assistant: Yes?")
        await bot.pipeline.until(BotStoppedSpeakingFrame)
        await bot.pipeline.end()
        frames = [frame for frame in bot.pipeline.down + bot.pipeline.up if not isinstance(frame, StartFrame)]
        assert not [frame for frame in frames if KEY in repr(frame)] and KEY not in repr(vars(bot.omni))
    spans = {span.name: dict(span.attributes or {}) for span in traced()}
    assert spans["stt"]["transcript"] == "Hello"
    assert spans["llm"]["output"] == "Yes? " and float(str(spans["llm"]["metrics.ttfb"])) >= 0.1
    assert spans["llm"]["gen_ai.request.model"] == "pyai-omni"
    assert not [span for span in traced() if KEY in span.to_json()]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Stop collecting logs, which would be what grows."""
    logger.disable("")
    yield
    logger.enable("")


async def test_calls_leave_nothing_behind(quiet: None) -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(tone(7, 0.04))
        await peer.stay()

    async def call() -> None:
        async with omni_bot(speak) as bot:
            await bot.pipeline.until(BotStoppedSpeakingFrame)

    for _ in range(2):
        await call()
    gc.collect()
    before = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(call() for _ in range(10)))
    gc.collect()
    assert (len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))) <= before
