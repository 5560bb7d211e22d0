"""Hear on whole recordings: ``POST /v1/audio/transcriptions`` and ``/v1/audio/translations``.

Source: protocol of PyAI, "Hear sync"; the shapes of ``verbose_json``, ``srt`` and ``vtt`` are OpenAI's. The local
engine knows English only, so a translation is English to English; any other language is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..audio import AudioFormat
from ..errors import service_error
from . import openai_names
from .auth import authorize, spend
from .catalog import HEAR_MODELS, check_language, check_model
from .decode import decode
from .engines.transcribe import Segment, transcribe
from .engines.words import TextOptions
from .limits import limited
from .subtitles import srt, vtt

if TYPE_CHECKING:
    from .engines.load import Engines

__all__ = ["transcriptions", "translations"]

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False, "": False}
_FIELD_SIZE = 1 << 16
_REFUSED = {
    "timestamp_granularities[]": "word",
    "stream": "true",
    "dictation": "true",
    "include[]": "logprobs",
    "known_speaker_names[]": "",
    "known_speaker_references[]": "",
}
"""Values that ask for what the local engine cannot do; "" stands for any."""


async def transcriptions(request: Request) -> Response:
    """Serve ``POST /v1/audio/transcriptions``."""
    return await _serve(request, "transcribe")


async def translations(request: Request) -> Response:
    """Serve ``POST /v1/audio/translations``: speech to English text."""
    return await _serve(request, "translate")


async def _serve(request: Request, task: str) -> Response:
    state = request.app.state
    key = authorize(request, "hear:transcribe")
    with state.requests.take():
        body = limited(request, state.settings.max_upload)
        async with body.form(max_files=1, max_fields=32, max_part_size=_FIELD_SIZE) as form:
            fields = _fields(form)
            render = _check(fields, state.engines)
            rate = state.engines.recognizer.rate
            pcm = await asyncio.to_thread(decode, _file(form).file, rate, state.settings.max_recording)
        await spend(request, key)
        detector = state.engines.new_detector()
        segments = await transcribe(state.engines.recognizer, detector, pcm, rate, _options(fields, state.engines))
        return render(segments, AudioFormat(rate).seconds(len(pcm)), task)


def _fields(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def _file(form: FormData) -> UploadFile:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise service_error("file: send the recording as multipart/form-data, part name file", code="invalid_request")
    return file


def _check(fields: Mapping[str, str], engines: Engines) -> Callable[[list[Segment], float, str], Response]:
    check_model(fields.get("model") or "pyai-hear", HEAR_MODELS | openai_names.HEAR)
    language = fields.get("language", "")
    check_language(None if language in ("", "auto") else language, engines.recognizer.languages)
    for name, value in _REFUSED.items():
        if name in fields and value in ("", fields[name].lower()):
            named = name.removesuffix("[]")
            raise service_error(f"{named}: the local engine cannot do this", code="unsupported_parameter")
    asked = fields.get("response_format") or "json"
    if asked not in _FORMATS:
        raise service_error(
            f"response_format: expected one of {', '.join(_FORMATS)}, got {asked[:40]!r}", code="unsupported_format"
        )
    return _FORMATS[asked]


def _options(fields: Mapping[str, str], engines: Engines) -> TextOptions:
    terms = [term.strip() for term in fields.get("vocabulary", "").split(",")]
    return TextOptions(
        numerals=_flag(fields, "numerals"),
        smart_format=_flag(fields, "smart_format"),
        drop_fillers=_flag(fields, "drop_fillers"),
        vocabulary=engines.vocabulary([term for term in terms if term]),
    )


def _flag(fields: Mapping[str, str], name: str) -> bool:
    text = fields.get(name, "").lower()
    if text not in _BOOLEANS:
        raise service_error(f"{name}: expected true or false, got {text[:40]!r}", code="invalid_request")
    return _BOOLEANS[text]


# -- the five response formats ------------------------------------------------------------------------


def _text(segments: list[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def _json(segments: list[Segment], duration: float, task: str) -> Response:
    return JSONResponse({"text": _text(segments), "model": "pyai-hear", "language": "en"})


def _plain(segments: list[Segment], duration: float, task: str) -> Response:
    return PlainTextResponse(_text(segments) + "\n")


def _verbose(segments: list[Segment], duration: float, task: str) -> Response:
    rows: list[dict[str, Any]] = [
        {"id": number, "start": round(each.start, 3), "end": round(each.end, 3), "text": each.text}
        for number, each in enumerate(segments)
    ]
    head = {"task": task, "language": "en", "duration": round(duration, 3), "model": "pyai-hear"}
    return JSONResponse({**head, "text": _text(segments), "segments": rows})


def _srt(segments: list[Segment], duration: float, task: str) -> Response:
    return PlainTextResponse(srt(segments), media_type="application/x-subrip")


def _vtt(segments: list[Segment], duration: float, task: str) -> Response:
    return PlainTextResponse(vtt(segments), media_type="text/vtt")


_FORMATS = {"json": _json, "text": _plain, "verbose_json": _verbose, "srt": _srt, "vtt": _vtt}
