"""Recordings to text: ``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``.

Source: protocol of PyAI, section "Hear sync"; AudioPod, "OpenAI Compatibility".
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, cast

from ..audio import AudioFormat, wav_bytes
from ..errors import AudioError, ConfigurationError, ProtocolError
from ..exchange import NOT_PYAI, Answer
from ..http import HttpClient
from ..options import HearOptions
from ..protocol.hear.wire import number, text_of

__all__ = ["AudioRequests", "Segment", "Transcription", "TranscriptionFormat"]

TranscriptionFormat = Literal["json", "text", "verbose_json", "srt", "vtt"]
"""What a transcription may come as."""

LARGEST_FILE = 512 * 1024 * 1024
"""Bytes of a recording: four hours of a WAV at 16 kHz. The service may take less, and says so."""

_SWITCHES = ("numerals", "smart_format", "dictation", "drop_fillers")
_CONTAINERS = (
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "wav", "audio/wav"),
    (re.compile(rb"fLaC"), "flac", "audio/flac"),
    (re.compile(rb"OggS"), "ogg", "audio/ogg"),
    (re.compile(rb"....ftyp", re.DOTALL), "m4a", "audio/mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), "webm", "audio/webm"),
    (re.compile(rb"ID3|\xff[\xe2-\xff]"), "mp3", "audio/mpeg"),
)
_REMEDY = "Expected wav, mp3, m4a, flac or ogg; for headerless pcm give rate="


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


class AudioRequests:
    """Sends recordings to one endpoint."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._provider = http.endpoint.provider

    async def transcribe(
        self,
        audio: str | PathLike[str] | bytes,
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
        return await self._send("/audio/transcriptions", audio, rate, fields, timeout)

    async def translate(
        self,
        audio: str | PathLike[str] | bytes,
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
        return await self._send("/audio/translations", audio, rate, fields, timeout)

    async def _send(
        self, path: str, audio: str | PathLike[str] | bytes, rate: int | None, fields: dict[str, str], timeout: float
    ) -> Transcription:
        file = await asyncio.to_thread(_upload, audio, rate)
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


def _upload(audio: str | PathLike[str] | bytes, rate: int | None) -> tuple[str, bytes, str]:
    if rate is not None:
        return "audio.wav", wav_bytes(_pcm(audio, rate), AudioFormat(rate)), "audio/wav"
    if isinstance(audio, bytes):
        extension, media_type = _container("the audio", audio)
        return f"audio.{extension}", audio, media_type
    path = Path(audio)
    data = _read(path)
    return _clean_name(path.name), data, _container(str(path), data)[1]


def _pcm(audio: str | PathLike[str] | bytes, rate: int) -> bytes:
    if not isinstance(audio, bytes):
        raise AudioError("rate: only for pcm bytes; a file says its own rate", code="invalid_option")
    if not 8000 <= rate <= 48000:
        raise AudioError(f"rate: {rate} is not within 8000 to 48000", code="invalid_option")
    if not audio or len(audio) % 2:
        fault = "is empty" if not audio else f"has an odd number of bytes ({len(audio)})"
        raise AudioError(f"The pcm {fault}", code="invalid_audio", hint="Expected whole 16-bit samples, mono")
    return audio


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_FILE else b""
    except (OSError, ValueError) as error:
        fault = getattr(error, "strerror", None) or str(error)
    else:
        if size <= LARGEST_FILE:
            return data
        fault = f"larger than {LARGEST_FILE >> 20} MB, send it in parts"
    raise AudioError(f"Cannot send {path}: {fault}", code="invalid_audio")


def _container(name: str, data: bytes) -> tuple[str, str]:
    """Return (extension, media type) of a file. Raises AudioError if it is empty, unknown, or a WAV cut short."""
    if not data:
        raise AudioError(f"{name} is empty", code="invalid_audio", hint="Record or copy it again")
    for pattern, extension, media_type in _CONTAINERS:
        if pattern.match(data):
            _check_whole(name, data, extension)
            return extension, media_type
    raise AudioError(f"{name} is not an audio file that can be sent", code="invalid_audio", hint=_REMEDY)


def _check_whole(name: str, data: bytes, extension: str) -> None:
    if extension != "wav":
        return
    size = int.from_bytes(data[4:8], "little")
    unknown = size in (0, 0xFFFFFFFF)  # written by programs that stream
    if len(data) <= 44 or not unknown and len(data) < size:
        raise AudioError(f"{name} is cut short: it says {size + 8} bytes and has {len(data)}", code="invalid_audio")


def _clean_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:]


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
