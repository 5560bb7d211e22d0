"""Callbacks: news that the server posts, signed, to the address that an organisation gave.

Source: protocol of PyAI, "Webhook signature".
"""

from __future__ import annotations

import asyncio
import logging

from pydantic import BaseModel

from ..outbound import Outbound, OutboundError
from ..webhooks import SIGNATURE_HEADER, sign_webhook
from .state.signing import Signing

__all__ = ["Callbacks"]

_log = logging.getLogger(__name__)

_WAITS = (0.5, 2.0, 8.0)
"""Seconds before the second, third and fourth attempt."""
_PASSING = frozenset({408, 425, 429})
_TIMEOUT = 10.0


class Callbacks:
    """Posts news."""

    def __init__(self, outbound: Outbound, signing: Signing) -> None:
        self._outbound = outbound
        self._signing = signing

    async def post(self, organisation: str, url: str, news: BaseModel) -> bool:
        """Post until the receiver answers 2xx, four times at most; tell whether it did.

        Every attempt is signed anew. A receiver that answers 4xx has understood and refused: it is not asked again.
        """
        body = news.model_dump_json().encode()
        for wait in (0.0, *_WAITS):
            await asyncio.sleep(wait)
            status = await self._attempt(organisation, url, body)
            if 200 <= status < 300:
                return True
            if 400 <= status < 500 and status not in _PASSING:
                break
        _log.warning("a callback was not taken")
        return False

    async def _attempt(self, organisation: str, url: str, body: bytes) -> int:
        """Return the status of the answer, 0 where there is none."""
        signature = sign_webhook(body, await self._signing.secrets(organisation))
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        try:
            return (await self._outbound.post(url, body, headers, timeout=_TIMEOUT)).status
        except OutboundError as error:
            return 400 if error.code == "blocked_address" else 0
