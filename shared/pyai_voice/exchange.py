"""One HTTP request: its time-outs, the step it is at, what a failure there means, and the whole answer.

Above: :mod:`pyai_voice.http`. The steps come from httpcore's ``trace`` extension.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httpcore

from .errors import (
    ConfigurationError,
    ConnectivityError,
    ProtocolError,
    PyAIError,
    StalledError,
    service_error,
    untrusted_error,
)
from .options import Endpoint
from .protocol.envelope import read_fault

__all__ = ["NETWORK_FAULTS", "NOTHING_SENT", "NOT_PYAI", "Answer", "Exchange", "Timeouts"]

NOTHING_SENT = frozenset({"cannot_connect", "stale_connection"})
"""Codes of a ConnectivityError after which the service has not taken up the request."""
NOT_PYAI = "Check base_url: this is not a PyAI server"
_ENVELOPE = frozenset({"error", "code", "detail", "message", "request_id", "status", "type"})
NETWORK_FAULTS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    OSError,  # TimeoutError as well
    UnicodeError,  # a host name that cannot be looked up
)
"""What the network can raise."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step may take, in seconds. There is no limit for a whole body of audio."""

    connect: float = 5.0
    """Until a connection is ready, TLS included."""
    first_byte: float = 3.0
    """From sending the request to the first byte of the answer's body."""
    gap: float = 3.0
    """Between two pieces of the body."""
    whole: float = 10.0
    """For the whole body of an answer that is not audio."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole, bounded answer."""

    body: bytes = field(repr=False)
    media_type: str
    """Content type without parameters, in small letters; "" where there is none."""
    request_id: str | None

    def text(self) -> str:
        """Return the body as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the JSON value. Raises ProtocolError for anything else, ServiceError for an error in a good answer."""
        if error := self._error():
            raise error
        return json.loads(self.body)

    def _error(self) -> PyAIError | None:
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            what = self.media_type or "something"
            return ProtocolError(f"The server answered with {what} that is not JSON", hint=NOT_PYAI)
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        error = fields.get("error")
        if not error or isinstance(error, str) and fields.keys() - _ENVELOPE:  # a record of something that failed
            return None
        fault = read_fault(self.body, {})
        return service_error(fault.message, code=fault.code, request_id=fault.request_id or self.request_id)


class Exchange:
    """One request under way: which step it is at, and what a failure there means."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self.endpoint = endpoint
        self.timeouts = timeouts
        self.timer: asyncio.Timeout | None = None
        self.deadline: float | None = None
        """When the first byte of the body must be here; None before the request is sent."""
        self._dialled = False

    async def trace(self, event: str, _details: Mapping[str, Any]) -> None:
        """Follow the steps that httpcore reports."""
        if event == "connection.connect_tcp.started":
            self._dialled = True
        elif event == "http11.send_request_headers.started" and self.timer is not None:
            self.deadline = asyncio.get_running_loop().time() + self.timeouts.first_byte
            self.timer.reschedule(self.deadline)

    def failure(self, error: Exception) -> PyAIError:
        """Return our error for one of the library's."""
        if isinstance(error, httpcore.ProxyError):
            return ConnectivityError(f"The proxy refused to connect to {self.endpoint.base_url}: {error}")
        return self._unreachable(error) if self.deadline is None else self._unanswered(error)

    def _unreachable(self, error: Exception) -> PyAIError:
        where = self.endpoint.base_url
        if isinstance(error, TimeoutError | httpcore.TimeoutException):
            return StalledError(f"No connection to {where} within {self.timeouts.connect:g} s", code="cannot_connect")
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return untrusted_error(where)
        if not isinstance(error, NETWORK_FAULTS) or isinstance(error, UnicodeError):
            return ConfigurationError(f"base_url: {where} is not an address ({type(error).__name__})")
        return ConnectivityError(f"Cannot reach {where} ({str(error) or type(error).__name__})", code="cannot_connect")

    def _unanswered(self, error: Exception) -> PyAIError:
        where = self.endpoint.base_url
        if isinstance(error, TimeoutError):
            return StalledError(f"No answer from {where} within {self.timeouts.first_byte:g} s", code="stalled")
        hung_up = str(error).startswith(("Server disconnected", "peer closed"))
        if isinstance(error, httpcore.RemoteProtocolError) and not hung_up:
            return ProtocolError(f"{where} does not speak HTTP ({error})", hint=NOT_PYAI)
        code = "connection_lost" if self._dialled else "stale_connection"
        return ConnectivityError(f"{where} hung up without an answer", code=code)
