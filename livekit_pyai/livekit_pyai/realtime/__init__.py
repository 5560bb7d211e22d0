"""Speech to speech: PyAI Omni as LiveKit's RealtimeModel.

from livekit.plugins import pyai

session = AgentSession(llm=pyai.realtime.RealtimeModel(voice="...", greeting="Hello!"))
"""

from __future__ import annotations

from pyai_voice.omni_options import Tool

from .grounding import RealtimeGrounding
from .model import OmniSettings, RealtimeModel
from .notices import OmniNotice
from .session import RealtimeSession

__all__ = ["OmniNotice", "OmniSettings", "RealtimeGrounding", "RealtimeModel", "RealtimeSession", "Tool"]
