"""Words as both rankings see them: which say little, and which are in a question."""

from __future__ import annotations

import re

__all__ = ["COMMON", "plain", "telling_words"]

COMMON = frozenset(
    """
    a about am an and any are as at be been but by can could did do does doing for from had has have having he her here
    hers him his how i if in into is it its just let may me might mine must my of on or our ours please shall she should
    so some such than that the their them then there these they this those to too us was we were what when where which
    who whom whose why will with would you your yours
    """.split()
)
"""English words that say little about what a text is about."""

_WORD = re.compile(r"\w+")


def telling_words(text: str) -> list[str]:
    """Return the different words of a text in lower case, without the common ones where there are others."""
    words = list(dict.fromkeys(_WORD.findall(text.casefold())))
    return [word for word in words if word not in COMMON] or words


def plain(text: str) -> str:
    """Return the words of a text in lower case with single spaces: without signs that a parser might think about."""
    return " ".join(_WORD.findall(text.casefold()))
