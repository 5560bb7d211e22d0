"""The times of an answer, from the moments that a call noted."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from .call import Exchange

__all__ = ["TIMES", "Times"]

TIMES: dict[str, tuple[str, str]] = {
    "start of speech to first partial": ("onset", "first_partial"),
    "end of speech to final": ("speech_end", "final"),
    "end of speech to passages of the knowledge base": ("speech_end", "passages"),
    "final to first word of the brain": ("final", "first_word"),
    "first word to first audio byte": ("first_word", "first_audio"),
    "end of speech to first audio played": ("speech_end", "first_played"),
    "voice to voice: to the first audible sound": ("speech_end", "first_heard"),
    "interruption: start of speech to the bot's silence": ("onset", "silenced"),
}
"""Name -> the moments between which it lies."""


class Times:
    """The times of all answers of one bot. A time below zero is true: a bot may think ahead of the final."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        answers = [exchange for exchange in exchanges if exchange.line is not None]
        self.seconds = {name: _between(answers, *moments) for name, moments in TIMES.items()}
        """Name -> seconds, one for each answer in which both moments happened."""

    def cell(self, name: str) -> str:
        """Return median and worst in milliseconds."""
        values = [1000 * value for value in self.seconds[name]]
        return f"{statistics.median(values):.0f} ({max(values):.0f})" if values else "-"


def _between(exchanges: list[Exchange], first: str, second: str) -> list[float]:
    pairs = [(getattr(exchange, first), getattr(exchange, second)) for exchange in exchanges]
    return [end - start for start, end in pairs if start is not None and end is not None]
