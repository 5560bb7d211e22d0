"""Twilio's REST on a real socket, as far as calls are concerned: it notes what it is asked."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from tests.plugins.twilio.twilio_house import ACCOUNT, TOKEN
from twilio_pyai import CallControl

MADE = "CA" + "9" * 32


@dataclass
class Rest:
    """What was asked, and what is answered."""

    url: str = ""
    status: int = 200
    token: str = TOKEN
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """The call's SID ("" for a new call) and the form."""
    on_ask: Callable[[], object] | None = None

    def control(self, token: str = TOKEN, **more: float) -> CallControl:
        return CallControl(ACCOUNT, token, base_url=self.url, **more)

    async def answer(self, request: Request) -> Response:
        wanted = base64.b64encode(f"{ACCOUNT}:{self.token}".encode()).decode()
        if request.headers["authorization"] != f"Basic {wanted}":
            return JSONResponse({"code": 20003, "message": "Authenticate", "status": 401}, 401)
        sid = request.path_params.get("sid", "")
        self.asked.append((sid, dict(parse_qsl((await request.body()).decode()))))
        if self.on_ask is not None:
            self.on_ask()
        if self.status >= 400:
            return JSONResponse(
                {"code": 21220, "message": "Call is not in-progress.", "status": self.status}, self.status
            )
        return JSONResponse({"sid": sid or MADE, "status": "in-progress"}, self.status)


@asynccontextmanager
async def twilio_rest() -> AsyncGenerator[Rest]:
    rest = Rest()
    calls = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
    routes = [
        Route(f"{calls}/{{sid}}.json", rest.answer, methods=["POST"]),
        Route(f"{calls}.json", rest.answer, methods=["POST"]),
    ]
    async with serving(Starlette(routes=routes), Settings(), bind()) as (_, rest.url):
        yield rest
