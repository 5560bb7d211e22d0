"""What a user imports, and what LiveKit's worker finds."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files

import pytest
from livekit.agents import AgentSession, Plugin, llm
from livekit.plugins import pyai

import livekit_pyai
from livekit_pyai import turn_handling


def test_both_import_paths_have_the_same_names():
    assert set(pyai.__all__) == set(livekit_pyai.__all__)
    for name in pyai.__all__:
        assert getattr(pyai, name) is getattr(livekit_pyai, name)
    assert pyai.PyAISTT is pyai.STT and pyai.PyAITTS is pyai.TTS
    assert pyai.__version__ == version("livekit-plugins-pyai")


@pytest.mark.parametrize("package", ["livekit_pyai", "livekit.plugins.pyai"])
def test_type_checkers_are_told_that_there_are_types(package: str):
    assert files(package).joinpath("py.typed").is_file()


def test_the_plugin_is_registered_once():
    (plugin,) = [plugin for plugin in Plugin.registered_plugins if plugin.package == "livekit_pyai"]
    assert plugin.version == pyai.__version__
    assert plugin.logger is not None and plugin.logger.name == "livekit.plugins.pyai"


@pytest.mark.parametrize("module", ["livekit_pyai", "livekit.plugins.pyai"])
def test_an_import_outside_the_main_thread_works_and_registers_nothing(module: str):
    code = (
        "import importlib, threading\n"
        "from livekit.agents import Plugin\n"
        "found = []\n"
        f"thread = threading.Thread(target=lambda: found.append(importlib.import_module('{module}')))\n"
        "thread.start(); thread.join()\n"
        "assert found[0].STT and not Plugin.registered_plugins\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


FIRST_USE = """
import asyncio, sys
from livekit import rtc
from livekit.plugins import pyai

async def use():
    address = {"api_key": "pyai_test", "base_url": "http://127.0.0.1:9"}
    stt, tts = pyai.STT(**address), pyai.TTS(**address)
    known = {*sys.modules}
    tts.prewarm()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    async with stt.stream() as stream:
        stream.push_frame(rtc.AudioFrame(bytes(960), 24000, 1, 480))
    await asyncio.gather(stt.aclose(), tts.aclose())
    assert not {*sys.modules} - known, {*sys.modules} - known

asyncio.run(use())
"""


def test_the_first_use_in_a_call_imports_nothing_any_more():
    subprocess.run([sys.executable, "-c", FIRST_USE], check=True, timeout=50)


def test_turn_handling_is_a_plain_dict_whose_groups_can_be_changed():
    options = turn_handling(endpointing={"max_delay": 5.0}, turn_detection="manual", user_turn_limit={"max_words": 50})
    assert type(options) is dict
    assert options == {
        "turn_detection": "manual",
        "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 5.0},
        "interruption": {"mode": "vad", "min_words": 1},
        "preemptive_generation": {"enabled": True},
        "user_turn_limit": {"max_words": 50},
    }
    assert turn_handling() == turn_handling() and turn_handling()["turn_detection"] == "stt"


async def test_a_session_takes_turn_handling_without_a_warning():
    session = AgentSession(vad=None, turn_handling=turn_handling())
    assert session.options.endpointing["min_delay"] == 0.0


async def test_the_example_of_a_grounded_agent_builds_what_it_says(monkeypatch: pytest.MonkeyPatch):
    for name, value in {"PYAI_API_KEY": "pyai_test", "OPENAI_API_KEY": "sk-test"}.items():
        monkeypatch.setenv(name, value)
    from examples import livekit_cue_agent

    session = livekit_cue_agent.build()
    assert isinstance(session.stt, pyai.STT) and session.stt.turns.authority == "cue"
    assert isinstance(session.llm, pyai.GroundedLLM) and session.llm.model == livekit_cue_agent.MODEL
    assert session.options.turn_handling["endpointing"]["min_delay"] == 0.0
    assert livekit_cue_agent.Host().instructions == livekit_cue_agent.INSTRUCTIONS
    await session.stt.aclose()
    await session.llm.aclose()


async def test_the_example_on_omni_builds_what_it_says_and_is_short_enough_to_start_from(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("PYAI_API_KEY", "pyai_test")
    from examples import livekit_omni_agent

    session = livekit_omni_agent.build()
    assert session.vad is None and session.turn_detection == "realtime_llm"
    assert isinstance(session.llm, pyai.RealtimeModel) and session.llm.options.greeting == livekit_omni_agent.GREETING
    assert [tool.info.name for tool in livekit_omni_agent.Barista().tools] == ["place_order"]
    assert len(inspect.getsource(livekit_omni_agent).splitlines()) <= 80
    await session.llm.aclose()


def test_the_realtime_model_has_livekits_own_path():
    from livekit.plugins.pyai import realtime
    from livekit.plugins.pyai.realtime import RealtimeModel

    assert pyai.realtime is realtime and RealtimeModel is pyai.RealtimeModel is livekit_pyai.realtime.RealtimeModel


@pytest.mark.parametrize(("authority", "mode"), [("cue", "stt"), ("framework", None), ("client", "manual")])
async def test_turn_handling_follows_the_authority_of_the_stt(authority: str, mode: str | None):
    async with pyai.STT(api_key="pyai_test", turns=authority) as stt:  # type: ignore[arg-type]
        assert pyai.turn_handling(stt).get("turn_detection") == mode
        assert stt.turns.authority == authority
        policy = pyai.TurnPolicy(authority="client", watchdog=5.0)
        assert pyai.turn_handling(pyai.STT(api_key="pyai_test", turns=policy))["turn_detection"] == "manual"


async def test_cue_settings_change_with_the_others_and_wrong_ones_are_named():
    async with pyai.STT(api_key="pyai_test", grounding=True) as stt:
        stt.update_options(eager=True, endpointing_ms=400)
        with pytest.raises(ValueError, match="eager_threshold"):
            stt.update_options(eager_threshold=2.0)
        with pytest.raises(ValueError, match="turns: expected cue, framework, client"):
            pyai.STT(api_key="pyai_test", turns="nobody")  # type: ignore[arg-type]


async def test_a_detector_holds_no_stt_and_leaves_ends_to_cue():
    stt = pyai.STT(api_key="pyai_test")
    assert stt.capabilities.manual_flush
    detector = pyai.CueTurnDetector(stt, threshold=0.4)
    assert not stt.capabilities.manual_flush
    assert not hasattr(detector, "stream")
    assert (detector.model, detector.provider) == ("pyai-cue", "PyAI")
    assert await detector.unlikely_threshold(None) == 0.4 and await detector.supports_language(None)
    assert await detector.predict_end_of_turn(llm.ChatContext.empty()) == 1.0  # it has no stream yet
    await stt.aclose()
    del stt
    gc.collect()
    assert await detector.predict_end_of_turn(llm.ChatContext.empty(), timeout=1.0) == 1.0
    with pytest.raises(ValueError, match="threshold"):
        pyai.CueTurnDetector(pyai.STT(api_key="pyai_test"), threshold=0.0)
