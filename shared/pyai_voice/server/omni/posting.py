"""Tools that have an address: the server posts the call there, signed, and reads the result.

Source: PyAI's protocol, "Tools" and "Webhook signature". The body is
``{"call_id", "name", "arguments", "session_label"}``; a 2xx answer is the result, JSON where it is JSON, else text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from ...errors import ServerError
from ...omni_options import Tool
from ...outbound import Outbound
from ...protocol.plain_json import read_json
from ...webhooks import SIGNATURE_HEADER, sign_webhook

__all__ = ["Poster"]


class Poster:
    """Posts the tool calls of one conversation."""

    def __init__(
        self,
        outbound: Outbound,
        secrets: Mapping[tuple[str, str], SecretStr],
        others: Sequence[SecretStr],
        label: str,
    ) -> None:
        """``secrets`` sign the calls of the tools with these names and addresses, ``others`` those of all others."""
        self._outbound = outbound
        self._secrets = secrets
        self._others = others
        self._label = label

    async def post(self, tool: Tool, call_id: str, arguments: dict[str, Any], timeout: float) -> Any:
        """Return the result. Raises PyAIError that says what went wrong."""
        fields = {"call_id": call_id, "name": tool.name, "arguments": arguments, "session_label": self._label}
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        address = tool.endpoint or ""
        own = self._secrets.get((tool.name, address))
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            SIGNATURE_HEADER: sign_webhook(body, own or self._others),
        }
        answer = await self._outbound.post(address, body, headers, timeout=timeout)
        if not answer.good:
            raise ServerError(f"the tool answered with status {answer.status}", code="upstream_error")
        return _read(answer.body)


def _read(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError:
        return body.decode("utf-8", "replace")
