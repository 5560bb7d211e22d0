"""OpenAI's names for models and voices, and what stands behind them."""

from __future__ import annotations

from pyai_voice.server import openai_names

__all__ = ["NAMES", "VOICES", "hear_model", "speak_model"]

NAMES = tuple(sorted(openai_names.SPEAK | openai_names.HEAR))
"""Models of OpenAI that may be asked for."""
VOICES = {
    "ash": "echo",
    "ballad": "fable",
    "cedar": "onyx",
    "coral": "nova",
    "marin": "shimmer",
    "sage": "alloy",
    "verse": "echo",
}
"""Voices of OpenAI that PyAI and AudioPod have no voice of that name for; the six older names they know themselves."""


def speak_model(name: str) -> str:
    """Return the service's name of a speech model; what is not OpenAI's goes on as it is."""
    return "pyai-speak" if name in openai_names.SPEAK else name


def hear_model(name: str) -> str:
    """Return the service's name of a transcription model; what is not OpenAI's goes on as it is."""
    return "pyai-hear" if name in openai_names.HEAR else name
