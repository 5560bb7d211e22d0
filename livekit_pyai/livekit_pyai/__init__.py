"""PyAI Hear, Speak and Omni for LiveKit Agents; also importable as ``livekit.plugins.pyai``.

from livekit.plugins import pyai

session = AgentSession(stt=pyai.STT(), llm=..., tts=pyai.TTS(voice="..."), turn_handling=pyai.turn_handling())
session = AgentSession(llm=pyai.realtime.RealtimeModel(voice="...", greeting="Hello!"))  # speech to speech
"""

from __future__ import annotations

import threading

from livekit.agents import Plugin

from pyai_voice.amd_events import AmdDecision
from pyai_voice.amd_options import AmdOptions
from pyai_voice.options import TurnPolicy
from pyai_voice.passages import GroundingStyle

from . import _early as _early
from .amd import AnsweringMachineDetector, PatientAgentMixin
from .cue import CueTurnDetector
from .grounding import GroundedLLM, GroundingMixin, cite
from .log import logger
from .realtime import RealtimeGrounding, RealtimeModel
from .stream import SpeechStream
from .stt import STT
from .tts import TTS, ChunkedStream, SynthesizeStream
from .turns import turn_handling
from .version import __version__

PyAISTT = STT
PyAITTS = TTS

__all__ = [
    "STT",
    "TTS",
    "AmdDecision",
    "AmdOptions",
    "AnsweringMachineDetector",
    "ChunkedStream",
    "CueTurnDetector",
    "GroundedLLM",
    "GroundingMixin",
    "GroundingStyle",
    "PatientAgentMixin",
    "PyAISTT",
    "PyAITTS",
    "RealtimeGrounding",
    "RealtimeModel",
    "SpeechStream",
    "SynthesizeStream",
    "TurnPolicy",
    "__version__",
    "cite",
    "turn_handling",
]


class PyAIPlugin(Plugin):
    """How LiveKit's worker lists this package and preloads it for its jobs."""

    def __init__(self) -> None:
        super().__init__(__name__, __version__, __name__, logger)


if threading.current_thread() is threading.main_thread():  # LiveKit's rule: elsewhere it raises
    Plugin.register_plugin(PyAIPlugin())
