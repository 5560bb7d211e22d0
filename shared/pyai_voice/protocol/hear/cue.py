"""What Cue adds to the messages of Hear: passages, and on the older wire a verdict; no I/O, no clock.

Above: :mod:`.client`. Source: protocol of PyAI, "Cue": ``grounding`` is an optional key of ``speech_final`` and
``final``, and a service may not offer it although it was asked for; only the older ``turn.end`` has a confidence.
"""

from __future__ import annotations

from typing import Any, cast

from ...errors import PyAIError
from ...events import Grounding, HearEvent, Passage, Problem, Verdict
from .wire import items_of, number, text_of

__all__ = ["GroundingReader", "read_verdict"]

_MOST = 3
"""Passages with an utterance."""
_PATIENCE = 2
"""Utterances with words that may come without a word on grounding before it counts as inactive."""


class GroundingReader:
    """Reads the passages of one utterance after the other, and tells once in its life that they do not come."""

    def __init__(self) -> None:
        self._passages: tuple[Passage, ...] | None = None
        self._missed = 0
        """Utterances without a word on grounding; beyond ``_PATIENCE`` the question is settled."""

    def read(self, fields: dict[str, Any], utterance: str) -> list[HearEvent]:
        """Return the passages of a ``speech_final`` or ``final``, where it has others than told already."""
        if "grounding" not in fields:
            return []
        self._missed = _PATIENCE + 1
        passages = tuple(_passage(item) for item in items_of(fields, "grounding")[:_MOST])
        if passages == self._passages:
            return []
        self._passages = passages
        return [Grounding(passages, utterance)]

    def miss(self) -> list[HearEvent]:
        """Note that an utterance with words is over for the server; complain where too many had no passages."""
        self._missed += 1
        return [_inactive()] if self._missed == _PATIENCE else []

    def warn(self, warnings: tuple[str, ...]) -> list[HearEvent]:
        """Take the warnings of an acknowledgement; complain where one is of grounding."""
        if self._missed >= _PATIENCE or not any("grounding" in warning for warning in warnings):
            return []
        self._missed = _PATIENCE + 1
        return [_inactive()]

    def close(self) -> None:
        """Forget the passages: the utterance is over."""
        self._passages = None


def read_verdict(fields: dict[str, Any]) -> Verdict | None:
    """Return what a message says of the end of a turn; None where it does not say."""
    confidence = number(fields, "confidence")
    if confidence is None:
        return None
    return Verdict(_share(confidence), _share(number(fields, "backchannel_prob") or 0.0))


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _passage(item: Any) -> Passage:
    fields = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    return Passage(text_of(fields, "content"), number(fields, "score") or 0.0)


def _inactive() -> Problem:
    return Problem(
        PyAIError(
            "Grounding was asked for, and the service returns no passages",
            code="grounding_inactive",
            hint="Bind a knowledge base to the key's organisation, or turn grounding off",
        )
    )
