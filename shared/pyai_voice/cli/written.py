"""What was said in a recording, as txt, json, srt and vtt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..rest.audio import Segment
from ..server.subtitles import srt, vtt

if TYPE_CHECKING:
    from ..rest.audio import Transcription
    from ..rest.jobs import JobResult

__all__ = ["Spoken", "rendered"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said in one recording."""

    text: str
    segments: tuple[Segment, ...]
    language: str | None = None
    duration: float | None = None
    """Seconds."""
    name: str = ""
    """Of the recording."""

    @classmethod
    def of_job(cls, result: JobResult) -> Spoken:
        """Take over a job's result; who spoke stands before the words."""
        lines = [(f"{each.speaker}: {each.text}" if each.speaker else each.text, each) for each in result.segments]
        segments = tuple(Segment(text, each.start, each.end) for text, each in lines)
        text = "\n".join(each.text for each in segments) if any(each.speaker for each in result.segments) else ""
        return cls(text or result.text, segments, None, result.audio_seconds)

    @classmethod
    def of_transcription(cls, found: Transcription, name: str) -> Spoken:
        """Take over a transcription; without segments the whole recording is one."""
        segments = tuple(Segment(each.text, each.start, each.end) for each in found.segments if each.text)
        whole = (Segment(found.text, 0.0, found.duration or 0.0),) if found.text else ()
        return cls(found.text, segments or whole, found.language, found.duration, name)

    @classmethod
    def of_segments(cls, segments: Sequence[Segment], name: str, language: str | None = None) -> Spoken:
        """Put together what came bit by bit."""
        return cls(" ".join(each.text for each in segments), tuple(segments), language, None, name)


def rendered(spoken: Spoken, wanted: str) -> str:
    """Return it in a format, ending in a new line."""
    if wanted == "json":
        return json.dumps(asdict(spoken), indent=1, ensure_ascii=False) + "\n"
    if wanted in ("srt", "vtt"):
        return (srt if wanted == "srt" else vtt)(spoken.segments)
    return spoken.text + "\n"
