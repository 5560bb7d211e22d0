"""A server that behaves as AudioPod's page "OpenAI Compatibility" says, on a real socket, with the test engines."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pyai_voice.client import Client
from pyai_voice.options import Endpoint
from pyai_voice.server.decode import decode
from pyai_voice.server.encode import FORMATS, Stream, encode_file
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from pyai_voice.testing import spoken
from pyai_voice.testing.coded import read_frames

AUDIOPOD_KEY = "ap_0123456789abcdef"
VOICES = {"alloy", "echo", "fable", "nova", "onyx", "shimmer", "a-voice-of-mine"}
SPEECH = ("mp3", "opus", "aac", "flac", "wav", "pcm")


@dataclass
class AudioPod:
    """What a test needs of it."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The fields of each request, and ``path``."""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.audiopod(AUDIOPOD_KEY, self.url)

    def client(self) -> Client:
        return Client(self.endpoint)

    async def speech(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body | {"path": request.url.path})
        form = body.get("response_format", "mp3")
        if form not in SPEECH:
            return _fault(400, "Unsupported format", "response_format")
        if not 0.25 <= body.get("speed", 1.0) <= 4.0:
            return _fault(400, "Speed must be 0.25 to 4.0", "speed")
        if body.get("voice", "alloy") not in VOICES:
            return _fault(400, "Unknown voice", "voice")
        target = FORMATS[form]
        pcm = spoken(body["input"])
        stream = Stream(target, 24000, 24000)
        audio = encode_file(pcm, target, 24000, 24000) if target.codec else stream.head + stream.feed(pcm, last=True)
        return Response(audio, media_type=target.content_type)

    async def transcriptions(self, request: Request) -> Response:
        async with request.form() as form:
            sent = form.get("file")
            self.asked.append(
                {
                    **{name: value for name, value in form.items() if isinstance(value, str)},
                    "path": request.url.path,
                }
            )
            if not isinstance(sent, UploadFile):
                return _fault(400, "file is required", "file")
            pcm = decode(io.BytesIO(await sent.read()), 16000, 60.0)
        text, seconds = read_frames(pcm), len(pcm) / 32000
        segments = [{"id": 0, "start": 0.0, "end": seconds, "text": text}]
        match self.asked[-1].get("response_format", "json"):
            case "verbose_json":
                return JSONResponse({"text": text, "language": "en", "duration": seconds, "segments": segments})
            case "json":
                return JSONResponse({"text": text})
            case _:
                return PlainTextResponse(text)


@asynccontextmanager
async def audiopod() -> AsyncGenerator[AudioPod]:
    there = AudioPod()
    handlers = {
        "audio/speech": there.speech,
        "audio/transcriptions": there.transcriptions,
        "audio/translations": there.transcriptions,
    }
    app = Starlette(
        routes=[Route(f"/api/v1/{path}", _locked(handler), methods=["POST"]) for path, handler in handlers.items()]
    )
    async with serving(app, Settings(), bind()) as (_, url):
        there.url = f"{url}/api/v1"
        yield there


def _locked(handler: Any) -> Any:
    async def checked(request: Request) -> Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if AUDIOPOD_KEY not in (bearer, request.headers.get("x-api-key")):
            return _fault(401, "Invalid API key", None)
        return await handler(request)

    return checked


def _fault(status: int, message: str, param: str | None) -> Response:
    fault = {"message": message, "type": "invalid_request_error", "param": param}
    return JSONResponse({"error": fault}, status)  # there is no code
