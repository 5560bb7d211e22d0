"""An Omni call in a Pipecat pipeline: settings, instructions, tools and messages that change during the call."""

from __future__ import annotations

from pipecat.frames.frames import LLMMessagesAppendFrame, LLMSetToolsFrame, LLMUpdateSettingsFrame
from pipecat.processors.aggregators.llm_context import LLMContext

from pipecat_pyai import PyAIOmniLLMService, PyAIOmniSettings
from tests.core.omni_service import omni_service, stay
from tests.core.scripted import KEY
from tests.pipecat.omni import TOLD, answering, configured, lookup_order, omni_bot, seen, weather
from tests.pipecat.pipeline import running


async def test_settings_change_during_the_call() -> None:
    async with omni_bot(stay, voice="onyx") as bot:
        peer = await bot.peer()
        await configured(peer)
        await bot.pipeline.send(LLMUpdateSettingsFrame(delta=PyAIOmniSettings(voice="echo", language="de")))
        asked = await configured(peer, 2)
        assert asked == {"type": "configure", "persona": TOLD, "voice_id": "echo", "language": "de"}
        await bot.pipeline.send(LLMUpdateSettingsFrame(delta=PyAIOmniSettings(system_instruction="You sell coffee.")))
        assert (await configured(peer, 3))["persona"] == "You sell coffee."


async def test_settings_that_are_wrong_change_nothing() -> None:
    async with omni_bot(stay) as bot:
        peer = await bot.peer()
        await configured(peer)
        await bot.pipeline.send(LLMUpdateSettingsFrame(delta=PyAIOmniSettings(system_instruction="x" * 32_001)))
        await bot.pipeline.when(lambda: bool(bot.pipeline.errors))
        await bot.pipeline.send(LLMUpdateSettingsFrame(delta=PyAIOmniSettings(voice="echo")))
        assert (await configured(peer, 2))["persona"] == TOLD
        assert [error.error.startswith("Settings unchanged: ") for error in bot.pipeline.errors] == [True]


async def test_a_new_label_is_a_new_call_that_knows_the_old_one() -> None:
    async with omni_bot(answering("A green tea", "Large?"), stay, greeting="Hello!") as bot:
        await bot.wrote("user: A green tea", "assistant: Large?")
        await bot.pipeline.send(LLMUpdateSettingsFrame(delta=PyAIOmniSettings(session_label="second")))
        peer = await bot.peer(1)
        asked = await configured(peer)
        assert asked["persona"].endswith("\nCaller: A green tea\nYou: Large?") and asked["greeting"] == ""
        assert "session_label=second" in str(peer.socket.request) and bot.service.peers[0].hung_up
        await bot.pipeline.audio(0.2)
        await seen(peer, lambda: any(peer.audio))
        await bot.pipeline.end()
        assert not bot.pipeline.errors and len(bot.service.dials) == 2


async def test_new_instructions_and_tools_reach_the_agent_and_spoken_messages_do_not() -> None:
    async with omni_bot(answering("Hello", "Yes?"), context=LLMContext(tools=[lookup_order])) as bot:
        peer = await bot.peer()
        await bot.wrote("user: Hello", "assistant: Yes?")
        await bot.pipeline.send(LLMMessagesAppendFrame([{"role": "developer", "content": "Be brief."}], run_llm=True))
        asked = await configured(peer, 2)
        assert asked["persona"] == f"{TOLD}\n\nBe brief." and len(asked["tools"]) == 1
        await bot.pipeline.send(LLMSetToolsFrame(tools=[lookup_order, weather]))
        assert [tool["name"] for tool in (await configured(peer, 3))["tools"]] == ["lookup_order", "weather"]
        assert not bot.pipeline.errors


async def test_messages_reach_the_agent_without_an_aggregator_too() -> None:
    async with omni_service(stay) as service:
        omni = PyAIOmniLLMService(api_key=KEY, base_url=service.endpoint.base_url)
        async with running(omni) as pipeline:
            await pipeline.send(LLMMessagesAppendFrame([{"role": "system", "content": TOLD}]))
            assert (await configured(await service.call()))["persona"] == TOLD
            await pipeline.send(LLMSetToolsFrame(tools=[weather]))
            assert len((await configured(await service.call(), 2))["tools"]) == 1


async def test_typed_words_are_one_error_that_says_why() -> None:
    async with omni_bot(stay) as bot:
        await configured(await bot.peer())
        await bot.pipeline.send(LLMMessagesAppendFrame([{"role": "user", "content": "A green tea"}], run_llm=True))
        await bot.pipeline.when(lambda: bool(bot.pipeline.errors))
        assert [error.error for error in bot.pipeline.errors] == [
            "Omni takes no text from the caller; it was not told: 'A green tea'"
        ]
        assert bot.omni.is_usable
