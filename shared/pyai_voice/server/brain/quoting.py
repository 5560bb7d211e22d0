"""The sentence of a text that fits a question best: what is not written there is not answered. English. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

__all__ = ["best_sentence", "same", "sentences", "share", "telling"]

_COMMON = frozenset(
    """a about all am an and any are as ask at be been but by can could did do does for from get give going had has have
    hello help hey hi how i i'd i'll i'm if in into is it it's its just know let like look me may mean much my need of
    off okay on one or our out please really so some sorry sure tell than thank thanks that that's the their them then
    there these they thing think this to too up us very want was we well were what what's when where which who whom why
    will with wondering would yes you your""".split()
)
"""Words that say that somebody asks, not what about."""
_STEM = 4
"""Two words are one where one begins with the other and has so many letters, but for an ending of at most these."""
_ENDING = 4
_SPLIT = re.compile(r"(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bSt\.)(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


def telling(text: str) -> list[str]:
    """Return the words that a question is about, in their order."""
    return [word for word in dict.fromkeys(_WORD.findall(text.lower())) if word not in _COMMON]


def same(one: str, other: str) -> bool:
    """Tell whether two words are one, but for their endings: open, opening; order, orders."""
    short, long = sorted((one, other), key=len)
    if long in (short, f"{short}s", f"{short}es"):
        return True
    stem = short[: -1 if short[-1] in "aeiouy" else None]
    return (
        len(stem) >= _STEM - 1
        and len(short) >= _STEM
        and long.startswith(stem)
        and len(long) - len(stem) <= _ENDING + 1
    )


def share(about: list[str], words: Iterable[str]) -> float:
    """Return which part of what is asked about is there."""
    there = list(words)
    return sum(any(same(word, other) for other in there) for word in about) / len(about) if about else 0.0


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text without list marks and headings' marks."""
    for each in _SPLIT.split(text):
        if plain := " ".join(each.strip(" \t-*#>|").split()):
            yield plain


def best_sentence(question: str, text: str) -> tuple[float, str]:
    """Return the share of the question that the best sentence of a text has, and that sentence; the first of equals."""
    about = telling(question)
    scored = [(share(about, _WORD.findall(each.lower())), each) for each in sentences(text)]
    return max(scored, key=lambda each: each[0], default=(0.0, ""))
