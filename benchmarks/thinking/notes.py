"""One recording, played in real time to a bot, and what the bot did meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from pyai_voice.audio import AudioFormat, read_wav

__all__ = ["FORMAT", "Notes", "microphone"]

FORMAT = AudioFormat(16000)
CHUNK = 0.02
BEFORE = 0.5
"""Seconds of silence before the recording: the bot gets ready."""
AFTER = 5.0
"""Seconds of silence after it: the slowest rule waits 3 s."""


@dataclass
class Notes:
    """Moments in seconds of the recording: 0.0 is its first sample."""

    thinking: list[float] = field(default_factory=list[float])
    """When the language model was asked, for a turn that ended or, ahead of that, for one that might."""
    ended: list[float] = field(default_factory=list[float])
    """When a turn of the caller was over for good."""
    texts: list[str] = field(default_factory=list[str])
    """What the caller said in these turns."""
    _zero: float = 0.0

    def begin(self) -> None:
        """The recording begins now."""
        self._zero = time.monotonic()

    def think(self) -> None:
        """The language model is asked now."""
        self.thinking.append(time.monotonic() - self._zero)

    def end(self, text: str) -> None:
        """A turn is over now."""
        self.ended.append(time.monotonic() - self._zero)
        self.texts.append(text)

    def report(self) -> dict[str, Any]:
        """Return them for the parent process."""
        return {"thinking": self.thinking, "ended": self.ended, "texts": self.texts}


async def microphone(path: str, notes: Notes) -> AsyncIterator[bytes]:
    """Yield 20 ms of the recording (16 kHz) every 20 ms, with silence around it."""
    pcm, source = read_wav(path)
    assert source == FORMAT, f"{path} is not at 16 kHz"
    chunk, lead = FORMAT.size(CHUNK), FORMAT.size(BEFORE)
    audio = bytes(lead) + pcm + bytes(FORMAT.size(AFTER))
    due = time.monotonic()
    for start in range(0, len(audio) - chunk + 1, chunk):
        if start == lead:
            notes.begin()
        yield audio[start : start + chunk]
        due += CHUNK
        await asyncio.sleep(max(0.0, due - time.monotonic()))
