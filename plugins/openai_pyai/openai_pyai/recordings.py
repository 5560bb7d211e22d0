"""``POST /v1/audio/transcriptions`` and ``/v1/audio/translations`` in front of Hear.

Source: OpenAI, "Create transcription" and "Create translation". What asks for another answer than the service can give
is refused; what only guides it is passed on where the service knows it, else dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pyai_voice.client import Client
from pyai_voice.errors import service_error
from pyai_voice.options import HearOptions
from pyai_voice.provider import Provider
from pyai_voice.server.door import Reply

from .names import hear_model
from .options import FrontOptions
from .rendering import FORMATS, render

__all__ = ["TranscriptionContract", "TranslationContract"]

_FIELD_SIZE = 1 << 16
_MOST_FIELDS = 128
_REFUSED = {
    "stream": "true",
    "timestamp_granularities[]": "word",
    "include[]": "logprobs",
    "known_speaker_names[]": "",
    "known_speaker_references[]": "",
}
"""Values that ask for what no service behind the front gives; "" stands for any."""
_SWITCH = {"true": True, "1": True, "false": False, "0": False, "": None}


@dataclass(frozen=True, slots=True)
class Recording:
    """One file, and what is asked of it."""

    audio: bytes
    response_format: str
    fields: Mapping[str, tuple[str, ...]]
    """All that was sent beside the file; lists keep their brackets: ``keywords[]``."""

    def text(self, name: str) -> str:
        """Return the last value of a field; "" where there is none."""
        return self.fields.get(name, ("",))[-1]


class TranscriptionContract:
    """Writes down what is said."""

    name = "transcription"

    def __init__(self, options: FrontOptions) -> None:
        self.largest = options.max_upload
        self._patience = options.transcription

    async def read(self, request: Request) -> Recording:
        """Return the recording."""
        return await _read(request)

    async def answer(self, asked: Recording, client: Client, reply: Reply) -> None:
        """Answer with the words."""
        provider = client.endpoint.provider
        heard = await client.audio.transcribe(
            asked.audio,
            _hear_options(asked, provider),
            response_format=FORMATS[asked.response_format],
            prompt=_prompt(asked, provider),
            timeout=self._patience,
        )
        await reply.give(render(heard, asked.response_format, "transcribe"))


class TranslationContract:
    """Writes down in English what is said."""

    name = "translation"

    def __init__(self, options: FrontOptions) -> None:
        self.largest = options.max_upload
        self._patience = options.transcription

    async def read(self, request: Request) -> Recording:
        """Return the recording."""
        return await _read(request)

    async def answer(self, asked: Recording, client: Client, reply: Reply) -> None:
        """Answer with the words."""
        heard = await client.audio.translate(
            asked.audio,
            model=hear_model(asked.text("model") or "pyai-hear"),
            response_format=FORMATS[asked.response_format],
            prompt=_prompt(asked, client.endpoint.provider),
            timeout=self._patience,
        )
        await reply.give(render(heard, asked.response_format, "translate"))


async def _read(request: Request) -> Recording:
    try:
        async with request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_SIZE) as form:
            return await _recording(form)
    except HTTPException as error:  # a form that is none
        complaint = error.detail
    raise service_error(complaint, code="invalid_request")


async def _recording(form: FormData) -> Recording:
    fields = _fields(form)
    _check(fields)
    asked = fields.get("response_format", ("",))[-1] or "json"
    if asked not in FORMATS:
        raise service_error(
            f"response_format: expected one of {', '.join(FORMATS)}, got {asked[:40]!r}", code="unsupported_format"
        )
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise service_error("file: send the recording as multipart/form-data, part name file", code="invalid_request")
    return Recording(await file.read(), asked, fields)


def _check(fields: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse what no service behind the front gives."""
    for name, refused in _REFUSED.items():
        said = next((each for each in fields.get(name, ()) if refused in ("", each.lower())), None)
        if said is not None:
            raise service_error(
                f"{name.removesuffix('[]')}: the service cannot do this ({said[:40]})", code="unsupported_parameter"
            )


def _fields(form: FormData) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(form.keys())
    return {name: tuple(value for value in form.getlist(name) if isinstance(value, str)) for name in names}


def _hear_options(asked: Recording, provider: Provider) -> HearOptions:
    languages = asked.fields.get("languages[]", ())
    return HearOptions(
        model=hear_model(asked.text("model") or "pyai-hear"),
        language=asked.text("language") or (languages[0] if len(languages) == 1 else None),
        vocabulary=_vocabulary(asked) if "vocabulary" in provider.transcription_fields else (),
        numerals=_switch(asked, "numerals"),
        smart_format=_switch(asked, "smart_format"),
        dictation=_switch(asked, "dictation"),
        drop_fillers=_switch(asked, "drop_fillers"),
    )


def _vocabulary(asked: Recording) -> tuple[str, ...]:
    """Return OpenAI's keywords, or PyAI's own list."""
    keywords = asked.fields.get("keywords[]", ())
    return tuple(word.replace(",", " ") for word in keywords) or tuple(asked.text("vocabulary").split(","))


def _switch(asked: Recording, name: str) -> bool | None:
    value = asked.text(name).lower()
    if value not in _SWITCH:
        raise service_error(f"{name}: expected true or false, got {value[:40]!r}", code="invalid_request")
    return _SWITCH[value]


def _prompt(asked: Recording, provider: Provider) -> str | None:
    return asked.text("prompt") or None if "prompt" in provider.transcription_fields else None
