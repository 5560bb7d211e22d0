"""Words that were heard against words of the menu: how alike they look and sound.

A recogniser writes what it heard, "mocker" for mocha or "skin milk" for skim milk. Both sides are folded into
a rough spelling of their sound; then a few letters may differ, the more the longer the word.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

__all__ = ["COMMON", "likeness", "tokens"]

_NUMBERS = {
    "1": "one",
    "2": "two",
    "3": "three",
    "4": "four",
    "8": "eight",
    "12": "twelve",
    "16": "sixteen",
    "20": "twenty",
}
_SAME: dict[str, str] = {"oz": "ounce", "ounces": "ounce", **_NUMBERS}

COMMON = frozenset(
    """a about after all also am an and any anything are as at be bit but by can cannot change could day did do
    does done else fine for from get getting give go going good great had has have hello help here hey hi how
    i if in instead is it its just last later let like likes little lot lots love make maybe me meal mean more
    morning most much my need needs nice no not now of off on one or order other out over please put quick
    really right same sir so some something sorry sure take thank thanks that the them then there thing think
    this time to today too up us want wants was way we well were what when where which will with without would
    yeah yes you your""".split()
)
"""Everyday words: never taken for a misheard word of the menu."""

_LEAST = 0.7
"""Less similarity than this is none: in a short word one letter makes another word."""
_LEAST_KNOWN = 0.6

_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"ph", "f"),
        (r"qu?", "k"),
        (r"ck", "k"),
        (r"cc(?=[ei])", "ch"),
        (r"c(?=[eiy])", "s"),
        (r"c(?!h)", "k"),
        (r"x", "ks"),
        (r"z", "s"),
        (r"wh", "w"),
        (r"igh", "i"),
        (r"(?<=[aeiou][bdfgklmnprstv])e$", ""),
        (r"(er|or|ar|re|a|o)$", "a"),
        (r"ee|ea|ie|y", "i"),
        (r"ow", "ou"),
        (r"(.)\1+", r"\1"),
    )
]


def tokens(text: str) -> list[str]:
    """Return the words in lower case, numbers and units as the menu spells them."""
    found: list[str] = re.findall(
        r"\d+|[^\W\d_]+", text.lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    )
    return [_SAME.get(word, word) for word in found]


def likeness(heard: tuple[str, ...], form: tuple[str, ...]) -> float:
    """Return how well the words heard fit a form of the menu: 1.0 for the same words, 0.0 for no fit.

    Word by word when there are as many; else as one string, because a recogniser may cut a strange word in pieces.
    """
    if heard == form:
        return 1.0
    return _word_by_word(heard, form) if len(heard) == len(form) else _in_pieces(heard, form)


def _word_by_word(heard: tuple[str, ...], form: tuple[str, ...]) -> float:
    if any(_everyday(word, form) for word in heard):
        return 0.0
    pairs = list(zip(heard, form, strict=True))
    known = any(one == other for one, other in pairs)
    scores = [_close(_sound(one), _sound(other), len(other) // (3 if known else 4), known) for one, other in pairs]
    return min(0.99, sum(scores) / len(scores)) if all(scores) else 0.0


def _in_pieces(heard: tuple[str, ...], form: tuple[str, ...]) -> float:
    if _everyday(heard[0], form) or _everyday(heard[-1], form):
        return 0.0
    return _close("".join(map(_sound, heard)), "".join(map(_sound, form)), len("".join(form)) // 5)


def _everyday(word: str, form: tuple[str, ...]) -> bool:
    return word in COMMON and word not in form


def _close(one: str, other: str, allowed: int, known: bool = False) -> float:
    """Return the similarity of two sounds, or 0.0 when more than ``allowed`` letters differ, or too many of few.

    ``known``: another word of the same form is there, so this one may differ more.
    """
    if Levenshtein.distance(one, other, score_cutoff=allowed) > allowed:
        return 0.0
    return min(0.99, Levenshtein.normalized_similarity(one, other, score_cutoff=_LEAST_KNOWN if known else _LEAST))


@lru_cache(maxsize=4096)
def _sound(word: str) -> str:
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word
