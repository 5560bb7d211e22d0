"""Writes out what the synthesiser reads badly: telephone numbers, codes, addresses, ISO dates. English only.

Prices, times of day, ordinals, years and units are left to it: it reads them well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["speakable", "split_sentence"]

_DIGITS = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))
_MARKS = {
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    "@": "at",
    ":": "colon",
    "~": "tilde",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "+": "plus",
    "#": "hash",
    "%": "percent",
}
_MONTHS = "January February March April May June July August September October November December".split()
_LETTER_A = "[A](/ˈA/)"
"""The letter's name in the synthesiser's own notation: a lone A would be read as the article."""

# Every repetition has a limit: a text of any shape is read in linear time.
_ALONE = r"(?<![\w.,$£€])", r"(?![\w%]|[.,]\d)"
_DATE = re.compile(r"\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b")
_MAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b")
_SITE = re.compile(
    r"(?i)\b(?:https?://)?((?:www\.)?[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}\.(?:com|org|net|io|ai|co|edu|gov|dev|app|uk|de|fr))"
    r"(?![\w-])((?:[:/?#][\w./?=&%#~:+-]{0,200})?)(?<![.?:,])"
)
_TELEPHONE = re.compile(
    rf"{_ALONE[0]}(?:\+\d{{1,3}}[ .-]?)?(?:\(\d{{2,4}}\)[ .-]?)?\d{{2,4}}(?:[ .-]\d{{2,4}}){{1,4}}{_ALONE[1]}"
)
_LONG_NUMBER = re.compile(rf"{_ALONE[0]}(?:0\d{{2,}}|\d{{5,}}){_ALONE[1]}")
_NAMED_NUMBER = re.compile(
    rf"(?i)\b(?:call|dial|text|pin|code|passcode|extension|end(?:s|ing)? in)(?: is)? (\d{{3,4}}){_ALONE[1]}"
)
_CODE = re.compile(r"(?<![\w/])(?=[A-Z-]{0,20}\d)(?=[\d-]{0,20}[A-Z])[A-Z0-9]{1,30}(?:-[A-Z0-9]{1,30}){0,8}(?![\w/])")
_PLAIN_PART = re.compile(r"[A-Z]+|\d{1,2}|\d{1,2}[A-Z]|[A-Z]\d{1,2}|\d+(?:AM|PM|KG|KM|GB|MB|OZ|ML|CM|MM|K|M|D|S|H)")
"""Parts of a code that need no spelling: words, short numbers, one letter with a short number, units."""
_FEWEST_DIGITS = 7
"""Of a telephone number; shorter groups are left alone."""


def speakable(text: str) -> str:
    """Return the text with addresses, telephone numbers, long numbers, codes and dates written as they are said."""
    text = _DATE.sub(lambda match: f"{_MONTHS[int(match[2]) - 1]} {int(match[3])}, {match[1]}", text)
    text = _MAIL.sub(lambda match: _address(match[0]), text)
    text = _SITE.sub(lambda match: _address(match[1] + match[2].rstrip("/")), text)
    text = _TELEPHONE.sub(_telephone, text)
    text = _LONG_NUMBER.sub(lambda match: _spelled(match[0]), text)
    text = _NAMED_NUMBER.sub(lambda match: match[0].removesuffix(match[1]) + _spelled(match[1]), text)
    return _CODE.sub(lambda match: ", ".join(map(_code_part, match[0].split("-"))), text)


def _address(address: str) -> str:
    return " ".join(_address_part(part) for part in re.findall(r"www(?=\.)|[^\W\d_]+|\d|\S", address))


def _address_part(part: str) -> str:
    if part == "www":
        return "double-u double-u double-u"
    return _MARKS.get(part) or _sign(part)


def _telephone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    if sum(map(len, groups)) < _FEWEST_DIGITS:
        return match[0]
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(map(_spelled, groups))


def _code_part(part: str) -> str:
    return part if _PLAIN_PART.fullmatch(part) else _spelled(part)


def _spelled(signs: str) -> str:
    return " ".join(map(_sign, signs))


def _sign(sign: str) -> str:
    return _LETTER_A if sign in ("A", "a") else _DIGITS.get(sign, sign)


_LONG_FIRST, _SHORTEST_PART, _LONGEST_PART = 90, 20, 300
_BREAK = re.compile(r"[,;:—]\s+")


def split_sentence(sentence: str, *, first: bool) -> list[str]:
    """Cut a sentence into parts of at most 300 characters, at pauses where there are any.

    A long ``first`` sentence is also cut at its first good pause, so that its beginning can be heard soon.
    """
    parts, rest = list[str](), sentence
    if first and len(rest) > _LONG_FIRST and (cut := next(_breaks(rest[:-_SHORTEST_PART][:_LONGEST_PART]), 0)):
        parts, rest = [rest[:cut]], rest[cut:]
    while len(rest) > _LONGEST_PART:
        cut = max(_breaks(rest[:_LONGEST_PART]), default=0) or rest.rfind(" ", 1, _LONGEST_PART) + 1 or _LONGEST_PART
        parts, rest = [*parts, rest[:cut]], rest[cut:]
    return [part.strip() for part in (*parts, rest) if part.strip()]


def _breaks(text: str) -> Iterator[int]:
    return (match.end() for match in _BREAK.finditer(text) if match.end() >= _SHORTEST_PART)
