"""LiveKit's own import path of :mod:`livekit_pyai`: ``from livekit.plugins import pyai``."""

from livekit_pyai import (
    STT,
    TTS,
    ChunkedStream,
    PyAISTT,
    PyAITTS,
    SpeechStream,
    SynthesizeStream,
    __version__,
    turn_handling,
)

__all__ = [
    "STT",
    "TTS",
    "ChunkedStream",
    "PyAISTT",
    "PyAITTS",
    "SpeechStream",
    "SynthesizeStream",
    "__version__",
    "turn_handling",
]
