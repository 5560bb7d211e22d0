"""A transcription in OpenAI's five formats. No I/O.

The service is asked for ``json``, or for ``verbose_json`` where times are wanted; the rest is made here, because PyAI
documents no subtitles for this endpoint.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response

from pyai_voice.errors import service_error
from pyai_voice.rest.audio import Transcription, TranscriptionFormat
from pyai_voice.server.subtitles import srt, vtt

__all__ = ["FORMATS", "render"]

FORMATS: dict[str, TranscriptionFormat] = {
    "json": "json",
    "text": "json",
    "verbose_json": "verbose_json",
    "srt": "verbose_json",
    "vtt": "verbose_json",
}
"""What the service is asked for, by what the client asks for."""
_SUBTITLES = {"srt": (srt, "application/x-subrip"), "vtt": (vtt, "text/vtt")}


def render(heard: Transcription, response_format: str, task: str) -> Response:
    """Return the answer. Raises RequestError where it needs times and the service sent none."""
    if response_format == "text":
        return PlainTextResponse(heard.text + "\n")
    if response_format == "json":
        languages = {"languages": [{"code": heard.language}]} if heard.language else {}
        return JSONResponse({"text": heard.text, **languages})
    if heard.text.strip() and not heard.segments and response_format in _SUBTITLES:
        raise service_error(
            f"response_format: the service sent no times for {response_format}", code="unsupported_format"
        )
    if response_format in _SUBTITLES:
        write, media_type = _SUBTITLES[response_format]
        return PlainTextResponse(write(heard.segments), media_type=media_type)
    return JSONResponse(_verbose(heard, task))


def _verbose(heard: Transcription, task: str) -> dict[str, object]:
    end = heard.segments[-1].end if heard.segments else 0.0
    return {
        "task": task,
        "language": heard.language or "",
        "duration": end if heard.duration is None else heard.duration,
        "text": heard.text,
        "segments": [
            {"id": number, "start": each.start, "end": each.end, "text": each.text}
            for number, each in enumerate(heard.segments)
        ],
    }
