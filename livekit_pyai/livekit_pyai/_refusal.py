"""What the service has refused for good, so that a session that opens streams again and again does not dial again."""

from __future__ import annotations

import time
from typing import Literal, cast

from livekit.agents import APIError, stt

from pyai_voice.errors import Category, ProtocolError, PyAIError, ServiceError
from pyai_voice.options import HearOptions

__all__ = ["Refusal", "RefusedError", "refused"]

_OF_THE_KEY = frozenset(each.value for each in (Category.AUTHENTICATION, Category.PERMISSION, Category.BILLING))
_REMEMBERED = 60.0
"""Seconds after which a refused key is worth another try: credit may have been added."""


class Refusal:
    """The last refusal that no retry can mend; shared by all streams of one STT.

    What the service has against the key holds for every stream, what it has against options for streams with these.
    """

    def __init__(self) -> None:
        self._error: PyAIError | None = None
        self._options: HearOptions | None = None
        self._until = 0.0

    def note(self, error: PyAIError, options: HearOptions) -> None:
        """Remember an error of a stream with these options, if it is the service's own, and final."""
        if isinstance(error, ServiceError | ProtocolError) and not error.retryable:
            self._error, self._options, self._until = error, options, time.monotonic() + _REMEMBERED

    def current(self, options: HearOptions) -> PyAIError | None:
        """Return the refusal that still holds for these options."""
        return self._held() if self.of_the_key or options == self._options else None

    @property
    def of_the_key(self) -> bool:
        """Whether no stream would be taken, whatever its options."""
        error = self._held()
        return error is not None and error.category.value in _OF_THE_KEY

    def _held(self) -> PyAIError | None:
        return self._error if time.monotonic() < self._until else None

    def forget(self) -> None:
        """Allow a dial at once: the options have changed."""
        self._until = 0.0


class RefusedError(stt.STTError):
    """The service has refused the key, and no retry can mend it.

    A LiveKit session opens a stream again after an error of the type ``stt_error`` and closes at the fourth one; at
    an error of any type that it does not count it closes at once.
    """

    type: Literal["stt_refused"] = "stt_refused"  # pyright: ignore[reportIncompatibleVariableOverride] - see above


def refused(error: stt.STTError) -> stt.STTError:
    """Return the error as one at which a session closes at once, if the key was refused.

    At any other error the session stays: it may still speak.
    """
    body = error.error.body if isinstance(error.error, APIError) else None
    category = cast("dict[str, object]", body).get("category") if isinstance(body, dict) else None
    if error.recoverable or category not in _OF_THE_KEY:
        return error
    return RefusedError(timestamp=error.timestamp, label=error.label, error=error.error, recoverable=False)
