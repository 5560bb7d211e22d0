"""Wrong arguments of users: each a ValueError that names the argument, and nothing is changed or left out silently."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, AgentSession, llm
from livekit.agents.stt import FallbackAdapter
from livekit.plugins import pyai

from .headless import Echo

KEY = "pyai_test_abc"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"keyterms": ["latte"]}, "keyterms"),
        ({"response_format": "mp3"}, "response_format"),
        ({"cue": None}, "cue"),
        ({"turns": "vad"}, "turns"),
        ({"turns": None}, "turns"),
        ({"sample_rate": 7000}, "sample_rate"),
        ({"language": 7}, "language"),
        ({"vocabulary": "latte"}, "vocabulary"),
        ({"endpointing_ms": 0.3}, "endpointing_ms"),
        ({"eager_threshold": 60}, "eager_threshold"),
        ({"base_url": "api.pyai.com"}, "^base_url: expected an address"),
    ],
)
def test_a_wrong_argument_of_the_recogniser_is_named(wrong: dict[str, Any], named: str):
    with pytest.raises(ValueError, match=named):
        pyai.STT(**{"api_key": KEY, **wrong})


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"response_format": "mp3"}, "response_format"),  # LiveKit would play it as pcm
        ({"voice_id": "emma"}, "voice_id: .*Use one of .*voice"),
        ({"language": "en"}, "language"),
        ({"sample_rate": 7000}, "sample_rate"),
        ({"speed": "fast"}, "speed"),
        ({"voice": ""}, "voice"),
    ],
)
def test_a_wrong_argument_of_the_voice_is_named(wrong: dict[str, Any], named: str):
    with pytest.raises(ValueError, match=named):
        pyai.TTS(**{"api_key": KEY, **wrong})


def test_what_the_service_shall_do_itself_is_a_tool():
    with pytest.raises(ValueError, match=r"tools.0: Input should be .*Tool"):
        pyai.RealtimeModel(api_key=KEY, service_tools=["transfer_to_human"])  # type: ignore[list-item]
    model = pyai.RealtimeModel(api_key=KEY, service_tools=[pyai.realtime.Tool(name="transfer_to_human")])
    assert [tool.name for tool in model.options.tools] == ["transfer_to_human"]


@pytest.mark.parametrize("wrong", [{"persona": "Sell tea."}, {"input_rate": 8000}, {"tools": ()}, {"model": "o"}])
def test_what_only_the_core_has_or_nobody_is_no_argument_of_omni(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: no such option"):
        pyai.RealtimeModel(api_key=KEY, **wrong)


async def test_what_cannot_change_is_refused_and_the_streams_stay_as_they_are():
    async with pyai.STT(api_key=KEY, language="en") as stt, pyai.TTS(api_key=KEY, voice="emma") as tts:
        for wrong in (
            {"sample_rate": 8000},
            {"turns": "client"},
            {"api_key": "other"},
            {"language": "de", "nothing": 1},
        ):
            with pytest.raises(ValueError, match="no such option"):
                stt.update_options(**wrong)
        for wrong in ({"sample_rate": 8000}, {"response_format": "wav"}, {"voice": "liam", "nothing": 1}):
            with pytest.raises(ValueError, match="no such option"):
                tts.update_options(**wrong)
        assert stt.turns.authority == "cue" and tts.sample_rate == 24000


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"min_delay": 0.5}, "min_delay: .*endpointing"),
        ({"preemptive_generation": False}, r'preemptive_generation=\{"enabled": False\}'),
        ({"interruption": True}, "interruption"),
    ],
)
def test_an_entry_that_livekit_would_overlook_is_named(wrong: dict[str, Any], named: str):
    with pytest.raises(ValueError, match=named):
        pyai.turn_handling(**wrong)


def test_an_adapter_is_no_pyai_stt():
    stt = pyai.STT(api_key=KEY)
    assert pyai.turn_handling(stt=stt) == pyai.turn_handling(stt)
    adapter: Any = FallbackAdapter([stt])
    session = AgentSession(stt=adapter, vad=None)
    for wrong in (
        lambda: pyai.turn_handling(adapter),
        lambda: pyai.CueTurnDetector(adapter),
        lambda: pyai.GroundedLLM(Echo(), adapter),
        lambda: pyai.cite(session, adapter),
    ):
        with pytest.raises(ValueError, match=r"stt: expected a pyai.STT, not .*FallbackAdapter.*made of"):
            wrong()


@pytest.mark.parametrize("model", ["openai/gpt-4.1-mini", pyai.RealtimeModel(api_key=KEY), None])
def test_passages_need_a_language_model(model: Any):
    with pytest.raises(ValueError, match="model: expected a language model"):
        pyai.GroundedLLM(model, pyai.STT(api_key=KEY))


async def test_passages_that_nobody_asked_for_are_missed_once_and_said(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    stt = pyai.STT(api_key=KEY)
    grounded = pyai.GroundedLLM(Echo(), stt)
    for _ in range(2):
        async with grounded.chat(chat_ctx=said("Hello."), conn_options=DEFAULT_API_CONNECT_OPTIONS) as stream:
            async for _ in stream:
                pass
    assert caplog.text.count("grounding=True") == 1
    caplog.clear()
    asked = pyai.STT(api_key=KEY, grounding=True)
    async with pyai.GroundedLLM(Echo(), asked).chat(
        chat_ctx=said("Hello."), conn_options=DEFAULT_API_CONNECT_OPTIONS
    ) as stream:
        async for _ in stream:
            pass
    assert not caplog.text


def said(text: str) -> llm.ChatContext:
    chat = llm.ChatContext.empty()
    chat.add_message(role="user", content=text)
    return chat
