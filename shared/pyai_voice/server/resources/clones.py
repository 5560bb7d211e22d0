"""Cloned voices: ``/v1/voice/clones``. Source: protocol of PyAI, "Other REST".

The local engine cannot speak with a clone: it is stored and listed, and a request to speak with it is refused.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Annotated

from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.responses import Response

from ...audio import AudioFormat
from ...errors import service_error
from ..catalog import find_voice
from ..decode import decode
from ..engines import Synthesizer, Voice
from ..limits import limited
from ..operations import Asked, Body, Listed, Operation, validated
from ..state import State
from ..state.clones import Clone
from ..state.keys import Key

__all__ = ["operations", "voice_to_speak"]

_SCOPE = "speak:clone"
_ALL = "/v1/voice/clones"
_FORM = 1 << 14
"""Bytes of a form beside its file."""
_RATE = 16_000


class CloneForm(Body):
    """The form's field beside the ``file``."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


async def _list(asked: Asked) -> Listed[Clone]:
    return Listed(data=await asked.stores.clones.list(asked.organisation))


async def _create(asked: Asked) -> Clone:
    with asked.request.app.state.requests.take():
        body = limited(asked.request, asked.settings.max_upload + _FORM)
        async with body.form(max_files=1, max_fields=8, max_part_size=_FORM) as form:
            file, name = form.get("file"), form.get("name")
            fields = validated(lambda: CloneForm.model_validate({} if name is None else {"name": name}))
            if not isinstance(file, UploadFile):
                raise service_error("file: send the recording as part file of a form", code="invalid_request")
            recording = await file.read()
        pcm = await asyncio.to_thread(decode, BytesIO(recording), _RATE, asked.settings.max_recording)
    seconds = round(AudioFormat(_RATE).seconds(len(pcm)), 3)
    return await asked.stores.clones.create(asked.organisation, fields.name, recording, seconds)


async def _delete(asked: Asked) -> Response:
    await asked.stores.clones.remove(asked.organisation, asked.path("voice_id"))
    return Response()


async def voice_to_speak(stores: State, key: Key, synthesizer: Synthesizer, voice_id: str) -> Voice:
    """Return the voice that a key's organisation means by an id, the default for "".

    Raises RequestError ``unsupported_parameter`` for one of its clones, ``unknown_voice`` for anything else.
    """
    clone = await stores.clones.find(key.organisation, voice_id) if voice_id else None
    if clone is not None:
        raise service_error(
            "voice: the local engine cannot speak with a cloned voice; its recording is kept",
            code="unsupported_parameter",
        )
    return find_voice(synthesizer, voice_id)


operations = [
    Operation("GET", _ALL, _list, _SCOPE, answer=Listed[Clone]),
    Operation("POST", _ALL, _create, _SCOPE, status=201, form=CloneForm, file="file", answer=Clone),
    Operation("DELETE", f"{_ALL}/{{voice_id}}", _delete, _SCOPE),
]
