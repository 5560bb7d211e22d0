"""Transcribes a whole recording, of any length, with the same listener that serves the streams."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from . import Recognizer, VoiceDetector
from .listener import Endpoint, Listener, ListenerOptions
from .words import TextOptions

__all__ = ["Segment", "transcribe"]

_PAUSE = 0.6
"""Seconds of silence between two segments."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech without a long pause."""

    text: str
    """Never empty."""
    start: float
    """In seconds."""
    end: float
    """In seconds."""


async def transcribe(
    recognizer: Recognizer, detector: VoiceDetector, pcm: bytes, sample_rate: int, text: TextOptions | None = None
) -> list[Segment]:
    """Return what is said in pcm16 mono at 8000 to 48000 Hz; the event loop stays free.

    ``detector`` must be a new one. Raises what the recogniser raises.
    """
    options = ListenerOptions(
        sample_rate=sample_rate,
        endpointing=_PAUSE,
        interim_results=False,
        recording=True,
        max_utterance=recognizer.longest,
        text=text or TextOptions(),
    )
    listener = Listener(recognizer, detector, options)
    feeding = asyncio.create_task(_feed(listener, pcm))
    try:
        return [_segment(fact) async for fact in listener if isinstance(fact, Endpoint) and fact.text]
    finally:
        feeding.cancel()
        await listener.aclose()


async def _feed(listener: Listener, pcm: bytes) -> None:
    await listener.feed(pcm)
    await listener.finish()


def _segment(endpoint: Endpoint) -> Segment:
    return Segment(endpoint.text, endpoint.began_ms / 1000, (endpoint.began_ms + endpoint.audio_ms) / 1000)
