"""What the service has refused for good, so that a session that opens streams again and again does not dial again."""

from __future__ import annotations

import time
from typing import Literal

from livekit.agents import stt

from pyai_voice.errors import ProtocolError, PyAIError, ServiceError

__all__ = ["Refusal", "RefusedError", "refused"]

_REMEMBERED = 60.0
"""Seconds after which a refused key is worth another try: credit may have been added."""


class Refusal:
    """The last refusal that no retry can mend; shared by all streams of one STT or TTS."""

    def __init__(self) -> None:
        self._error: PyAIError | None = None
        self._until = 0.0

    def note(self, error: PyAIError) -> None:
        """Remember an error if it is the service's own, and final."""
        if isinstance(error, ServiceError | ProtocolError) and not error.retryable:
            self._error, self._until = error, time.monotonic() + _REMEMBERED

    def current(self) -> PyAIError | None:
        """Return the refusal that still holds."""
        return self._error if time.monotonic() < self._until else None

    def forget(self) -> None:
        """Allow a dial at once: the options have changed."""
        self._until = 0.0


class RefusedError(stt.STTError):
    """The service has refused, and no retry can mend it.

    A LiveKit session opens a stream again after an error of the type ``stt_error`` and closes at the fourth one; at
    an error of any type that it does not count it closes at once.
    """

    type: Literal["stt_refused"] = "stt_refused"  # pyright: ignore[reportIncompatibleVariableOverride] - see above


def refused(error: stt.STTError) -> stt.STTError:
    """Return the error as one at which a session closes at once, if it ends a stream."""
    if error.recoverable:
        return error
    return RefusedError(timestamp=error.timestamp, label=error.label, error=error.error, recoverable=False)
