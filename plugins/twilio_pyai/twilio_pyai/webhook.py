"""The webhook of a number: Twilio asks what to do with a call, and is told to stream it here.

Above: :mod:`.app`, and servers whose bots take the stream themselves, such as Pipecat's. Source: Twilio, "Twilio's
request to your application".
"""

from __future__ import annotations

import logging

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pyai_voice.errors import ServiceError
from pyai_voice.server.limits import limited

from .access import Access
from .options import TwilioOptions
from .refusals import Refusal, from_core
from .twiml import UNSPEAKABLE, connect

__all__ = ["Webhook"]

_log = logging.getLogger("twilio_pyai")

_FORM = "application/x-www-form-urlencoded"
_TOLD = {"From": "from", "To": "to", "Direction": "direction", "ForwardedFrom": "forwarded_from"}
"""Fields of the webhook that the call's agent may be chosen by -> parameters of its stream."""
_LONGEST_VALUE = 200


class Webhook:
    """Answers with TwiML; one line of log for each request. An ASGI application, for a route with POST."""

    def __init__(self, access: Access, options: TwilioOptions | None = None, stream: str = "media") -> None:
        """``stream`` is the last part of the address of the media streams, beside this one."""
        self._access = access
        self._options = options or TwilioOptions()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = await self._attempt(Request(scope, receive))
        await response(scope, receive, send)

    async def _attempt(self, request: Request) -> Response:
        try:
            response = await self._answer(request)
        except Refusal as error:
            refusal = error
        except ServiceError as error:
            refusal = from_core(error)
        else:
            return response
        _log.warning("voice %s, %s", refusal.status_code, refusal.detail)
        return refusal.response()

    async def _answer(self, request: Request) -> Response:
        form = await self._form(request)
        self._access.check(request, form)
        told = {name: _text(form, field) for field, name in _TOLD.items() if _text(form, field)}
        response = connect(self._access.sibling(request, self._stream), told)
        _log.info("voice 200, call %s", _text(form, "CallSid")[:64])
        return Response(str(response), media_type="application/xml")

    async def _form(self, request: Request) -> FormData:
        """Return the form. Raises Refusal for another type or what cannot be read."""
        if self._access.open:
            self._access.check(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise Refusal(415, f"expected {_FORM}")
        try:
            return await limited(request, self._options.max_body, stall=self._options.stall).form()
        except (HTTPException, ValueError):
            pass
        except ClientDisconnect:
            raise Refusal(400, "the body did not come") from None
        raise Refusal(400, "the form cannot be read")


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return UNSPEAKABLE.sub("", value)[:_LONGEST_VALUE] if isinstance(value, str) else ""
