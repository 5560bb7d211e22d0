"""Writes out what a synthesiser reads badly: telephone numbers, codes, addresses. English only."""

from __future__ import annotations

import re

__all__ = ["speakable", "split_first"]

_ONES = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))
_MARKS = {".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "~": "tilde"} | {
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "+": "plus",
    "#": "hash",
    "%": "percent",
}

_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_SITE = re.compile(
    r"(?i)\b(?:https?://)?((?:www\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|ai|co|edu|gov|dev|app|uk|de|fr))"
    r"((?:[:/?#][\w./?=&%#~:+-]*)?)(?<![.?:,])"
)
_TELEPHONE = re.compile(
    r"(?<![\w.,$£€])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){1,4}(?![\w%]|[.,]\d)"
)
_LONG_NUMBER = re.compile(r"(?<![\w.,$£€])(?:0\d{2,}|\d{5,})(?![\w%]|[.,]\d)")
_CODE = re.compile(r"(?<![\w/])(?=[A-Za-z-]*\d)(?=[\d-]*[A-Za-z])[A-Z0-9]+(?:-[A-Z0-9]+)*(?![\w/])")
_UNIT = re.compile(r"\d+(?:st|nd|rd|th|s|AM|PM|KG|KM|GB|MB|OZ|ML|CM|MM|K|M|D|H)|[A-Z]?\d{1,2}|\d[A-Z]?", re.IGNORECASE)
_FEWEST_DIGITS = 7


def speakable(text: str) -> str:
    """Return the text with addresses, telephone numbers, long numbers and codes written as they are said."""
    text = _MAIL.sub(lambda match: _address(match[0]), text)
    text = _SITE.sub(lambda match: _address(match[1] + match[2].rstrip("/")), text)
    text = _TELEPHONE.sub(_telephone, text)
    text = _LONG_NUMBER.sub(lambda match: _digits(match[0]), text)
    return _CODE.sub(_code, text)


def _address(address: str) -> str:
    parts = re.findall(r"www(?=\.)|[A-Za-z]+|\d|\S", address)
    return " ".join(_spoken_part(part) for part in parts)


def _spoken_part(part: str) -> str:
    if part == "www":
        return "double-u double-u double-u"
    return _MARKS.get(part) or _ONES.get(part) or part


def _telephone(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    if len(digits) < _FEWEST_DIGITS:
        return match[0]
    plus = "plus " if match[0].startswith("+") else ""
    return plus + ", ".join(_digits(group) for group in re.findall(r"\d+", match[0]))


def _digits(number: str) -> str:
    return " ".join(_ONES[digit] for digit in number)


def _code(match: re.Match[str]) -> str:
    code = match[0]
    if _UNIT.fullmatch(code):
        return code
    return ", ".join(_spelled(part) for part in code.split("-"))


def _spelled(part: str) -> str:
    return " ".join(_ONES.get(sign, sign) for sign in part.upper())


_LONG_FIRST = 90
_BREAK = re.compile(r"[,;:—]\s+")


def split_first(sentence: str) -> list[str]:
    """Cut a long sentence at its first good pause, so that its first part can be heard soon."""
    if len(sentence) <= _LONG_FIRST:
        return [sentence]
    breaks = [match.end() for match in _BREAK.finditer(sentence) if 20 <= match.end() <= len(sentence) - 20]
    if not breaks:
        return [sentence]
    return [sentence[: breaks[0]].strip(), sentence[breaks[0] :].strip()]
