"""How Twilio is told no: a status, and a sentence without a secret."""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from pyai_voice.errors import ServiceError
from pyai_voice.server.refusals import status_of

__all__ = ["Refusal", "from_core"]


class Refusal(HTTPException):
    """An answer that is no success; raised inside an application of Starlette or FastAPI it becomes that answer."""

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
        if status == 408:
            headers["Connection"] = "close"  # the rest of the body may still come
        super().__init__(status, message, headers)

    def response(self) -> PlainTextResponse:
        """Return it as an HTTP answer."""
        return PlainTextResponse(self.detail, self.status_code, self.headers)


def from_core(error: ServiceError) -> Refusal:
    """Return the refusal for a limit of this application: too large, too slow, too many."""
    return Refusal(status_of(error), error.message, error.retry_after)
