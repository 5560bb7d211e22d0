"""How Twilio is told no: a status, and a sentence without a secret."""

from __future__ import annotations

import math

from starlette.responses import PlainTextResponse

from pyai_voice.errors import ServiceError, rule_for

__all__ = ["Refusal", "from_core"]


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after

    def response(self) -> PlainTextResponse:
        """Return it as an HTTP answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(math.ceil(self.retry_after))}
        if self.status == 408:
            headers["Connection"] = "close"  # the rest of the body may still come
        return PlainTextResponse(self.message, self.status, headers)


def from_core(error: ServiceError) -> Refusal:
    """Return the refusal for a limit of this application: too large, too slow, too many."""
    rule = rule_for(error.code, error.status)
    return Refusal(error.status or (rule.status if rule else 400), error.message, error.retry_after)
