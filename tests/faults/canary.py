"""A key that must be seen nowhere. Knows no package of PyAI, so that it can look at any release."""

from __future__ import annotations

import traceback

__all__ = ["Canary", "visible"]


class Canary:
    """Collects every word that leaves the process, and the keys that must not be among them."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.words: list[str] = []

    def check(self) -> None:
        leaks = [word for word in self.words for key in self.keys if key in word]
        assert not leaks, f"the key is visible in {leaks[0][:2000]}"

    def look_at(self, error: object) -> None:
        """Take in whatever can be seen of an error that a host reports."""
        self.words += visible(error)


def visible(error: object) -> list[str]:
    """Return all words that can be seen of an error: its fields, its cause, its context."""
    words: list[str] = []
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        thing = waiting.pop()
        if thing is None or id(thing) in seen:
            continue
        seen.add(id(thing))
        words += [repr(thing), str(thing), repr(getattr(thing, "__dict__", ""))]
        if isinstance(thing, BaseException):
            words += traceback.format_exception(thing)
            waiting += [thing.__cause__, thing.__context__, *thing.args]
        waiting += [getattr(thing, name, None) for name in ("exception", "error", "body")]
    return words
