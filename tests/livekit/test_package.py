"""What a user imports, and what LiveKit's worker finds."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from livekit.agents import AgentSession, Plugin
from livekit.plugins import pyai

import livekit_pyai
from livekit_pyai import turn_handling


def test_both_import_paths_have_the_same_names():
    assert set(pyai.__all__) == set(livekit_pyai.__all__)
    for name in pyai.__all__:
        assert getattr(pyai, name) is getattr(livekit_pyai, name)
    assert pyai.PyAISTT is pyai.STT and pyai.PyAITTS is pyai.TTS
    assert pyai.__version__ == version("livekit-plugins-pyai")


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
