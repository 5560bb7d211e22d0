"""Words by which a listener only says that he listens: no reason to stop for whoever speaks. English. Pure."""

from __future__ import annotations

import re

__all__ = ["is_backchannel", "is_question"]

_SOUNDS = frozenset("uh huh mm mhm hmm hm mmm mm-hmm uh-huh mhmm um umm ah aha oh uhm uhuh".split())
_WORDS = frozenset("yeah yep yes okay ok right sure alright cool great good nice wow really i see got it".split())
_MOST_WORDS = 3


def is_backchannel(text: str) -> bool:
    """Tell whether an utterance is such a sign, where it comes in the middle of what another one says."""
    words = re.findall(r"[a-z']+(?:-[a-z']+)?", text.lower())
    return 0 < len(words) <= _MOST_WORDS and all(word in _SOUNDS or word in _WORDS for word in words)


def is_question(text: str) -> bool:
    """Tell whether a text asks something at its end: what comes then is an answer."""
    return text.rstrip().rstrip("\"'”’)").endswith("?")
