"""Subtitles: segments as SubRip and WebVTT files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Timed", "srt", "vtt"]


class Timed(Protocol):
    """Words and when they were said, in seconds."""

    @property
    def text(self) -> str:
        """The words."""
        ...

    @property
    def start(self) -> float:
        """When they begin."""
        ...

    @property
    def end(self) -> float:
        """When they end."""
        ...


def srt(segments: Sequence[Timed]) -> str:
    """Return a SubRip file."""
    cues = [
        f"{number}\n{_clock(each.start, ',')} --> {_clock(each.end, ',')}\n{each.text}\n"
        for number, each in enumerate(segments, 1)
    ]
    return "\n".join(cues)


def vtt(segments: Sequence[Timed]) -> str:
    """Return a WebVTT file."""
    cues = [f"{_clock(each.start, '.')} --> {_clock(each.end, '.')}\n{each.text}\n" for each in segments]
    return "\n".join(["WEBVTT\n", *cues])


def _clock(seconds: float, mark: str) -> str:
    minutes, milliseconds = divmod(round(1000 * seconds), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"
