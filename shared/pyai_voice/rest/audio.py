"""Recordings to text: ``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``.

Source: protocol of PyAI, section "Hear sync"; AudioPod, "OpenAI Compatibility".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..errors import ConfigurationError, ProtocolError
from ..exchange import NOT_PYAI, Answer
from ..options import HearOptions
from ..protocol.hear.wire import number, text_of
from .resource import Resource
from .upload import Recording, upload

__all__ = ["AudioRequests", "Segment", "Transcription", "TranscriptionFormat"]

TranscriptionFormat = Literal["json", "text", "verbose_json", "srt", "vtt"]
"""What a transcription may come as."""

_SWITCHES = ("numerals", "smart_format", "dictation", "drop_fillers")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a transcription; times in seconds from the start of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said in a recording."""

    text: str
    """The words; for srt and vtt the whole file."""
    language: str | None = None
    """As the service names it; None where it does not say."""
    duration: float | None = None
    """Length of the recording in seconds; verbose_json only."""
    segments: tuple[Segment, ...] = ()
    """verbose_json only."""
    request_id: str | None = None


class AudioRequests(Resource):
    """Recordings to text: never sent again after a failure, because each may be billed."""

    feature = "hear"

    async def transcribe(
        self,
        audio: Recording,
        options: HearOptions | None = None,
        *,
        rate: int | None = None,
        response_format: TranscriptionFormat = "json",
        prompt: str | None = None,
        timeout: float = 300.0,
    ) -> Transcription:
        """Return the words of a recording in its own language.

        ``audio``: a path, a file's bytes, or, with ``rate`` (samples a second), headerless pcm. Of ``options``,
        model, language, vocabulary and the switches for numerals, formatting, dictation and fillers apply.
        ``prompt`` guides AudioPod; PyAI has ``vocabulary`` instead. ``timeout`` is for upload and answer, in seconds.
        Raises AudioError for audio that cannot be sent, UnsupportedError for what the provider lacks; never repeated.
        """
        self._provider.require("hear")
        options = options or HearOptions()
        fields = _options_form(options, prompt)
        self._provider.require_fields(fields, self._provider.transcription_fields)
        fields |= {"model": options.model, "response_format": response_format}
        return await self._transcribe("/audio/transcriptions", audio, rate, fields, timeout)

    async def translate(
        self,
        audio: Recording,
        *,
        rate: int | None = None,
        model: str = "pyai-hear",
        response_format: TranscriptionFormat = "json",
        prompt: str | None = None,
        timeout: float = 300.0,
    ) -> Transcription:
        """Return the words of a recording in English, whatever its language; see :meth:`transcribe`."""
        self._provider.require("translate")
        fields = {"prompt": prompt} if prompt else {}
        self._provider.require_fields(fields, self._provider.transcription_fields)
        fields |= {"model": model, "response_format": response_format}
        return await self._transcribe("/audio/translations", audio, rate, fields, timeout)

    async def _transcribe(
        self, path: str, audio: Recording, rate: int | None, fields: dict[str, str], timeout: float
    ) -> Transcription:
        file = await asyncio.to_thread(upload, audio, rate)
        answer = await self._http.upload(path, fields, "file", file, timeout)
        return _transcription(answer, fields["response_format"])


def _options_form(options: HearOptions, prompt: str | None) -> dict[str, str]:
    """Return the optional fields as this surface writes them: switches as words, vocabulary joined by commas."""
    for term in options.vocabulary:
        if "," in term:
            raise ConfigurationError(
                f"vocabulary: {term!r} has a comma, which separates the terms here",
                code="invalid_option",
                hint="Give its parts as terms of their own",
            )
    switches = {name: getattr(options, name) for name in _SWITCHES}
    form = {name: str(value).lower() for name, value in switches.items() if value is not None}
    words = {"language": options.language, "vocabulary": ",".join(options.vocabulary), "prompt": prompt}
    return form | {name: value for name, value in words.items() if value}


def _transcription(answer: Answer, response_format: str) -> Transcription:
    as_json = response_format in ("json", "verbose_json")
    if not as_json and not (response_format == "text" and answer.media_type == "application/json"):
        return Transcription(_plain(answer), request_id=answer.request_id)
    value = answer.json()
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if not isinstance(fields.get("text"), str):
        raise ProtocolError("The server sent no text", hint=NOT_PYAI, request_id=answer.request_id)
    return Transcription(
        text=text_of(fields, "text"),
        language=text_of(fields, "language") or None,
        duration=number(fields, "duration"),
        segments=_segments(fields.get("segments")),
        request_id=answer.request_id,
    )


def _plain(answer: Answer) -> str:
    if answer.media_type in ("text/html", "application/json"):
        raise ProtocolError(
            f"Asked for text, the server sent {answer.media_type}", hint=NOT_PYAI, request_id=answer.request_id
        )
    return answer.text()


def _segments(value: object) -> tuple[Segment, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    found = [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
    return tuple(
        Segment(text_of(item, "text").strip(), number(item, "start") or 0.0, number(item, "end") or 0.0)
        for item in found
    )
