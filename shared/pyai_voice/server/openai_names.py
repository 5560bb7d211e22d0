"""OpenAI's names for models of speech and transcription, so that its clients' defaults are understood."""

from __future__ import annotations

__all__ = ["HEAR", "SPEAK"]

SPEAK = frozenset({"tts-1", "tts-1-1106", "tts-1-hd", "tts-1-hd-1106", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15"})
HEAR = frozenset(
    {
        "whisper-1",
        "gpt-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
    }
)
"""Not ``gpt-4o-transcribe-diarize``: it promises speakers."""
