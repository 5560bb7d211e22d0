"""What is done to a recognised text: numbers, fillers, amounts, and whether it sounds finished. English only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import text_to_num

from ...words import is_finished
from .vocabulary import Vocabulary

__all__ = ["TextOptions", "drop_fillers", "is_finished", "smart_format", "write_final", "write_numerals"]


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How a final text is written; partials are only corrected by the vocabulary."""

    numerals: bool = False
    """Numbers as digits; without it they stay as the recogniser wrote them (mostly words)."""
    smart_format: bool = False
    """Amounts, percentages, times of day, telephone numbers and addresses; implies numerals."""
    drop_fillers: bool = False
    """Leave out um, uh, er and hmm."""
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    """Terms that the recogniser corrects near misses to, in partials too."""


def write_final(text: str, options: TextOptions) -> str:
    """Return a final text as the options want it."""
    if options.drop_fillers:
        text = drop_fillers(text)
    if options.numerals or options.smart_format:
        text = write_numerals(text)
    return smart_format(text) if options.smart_format else text


# -- numbers ------------------------------------------------------------------------------------

_DIGIT = r"(?:zero|one|two|three|four|five|six|seven|eight|nine|oh|o)"
_DIGIT_RUN = re.compile(rf"(?i)\b{_DIGIT}(?:[ ,-]+{_DIGIT}\b){{2,}}")
_ORDINAL = re.compile(r"(?i)\b(?:first|second|third)\b")
_ABOVE, _ABOVE_ORDINALS = 1.5, 3.0
"""A lone "one" stays a word: it is a pronoun more often than a number; so do "a second" and "the first"."""

_alpha2digit: Callable[[str, str, float], str] = text_to_num.alpha2digit  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - compiled, no types


def write_numerals(text: str) -> str:
    """Return the text with spoken numbers as digits: ``twenty five`` -> ``25``, ``seven two nine`` -> ``7 2 9``."""
    text = _DIGIT_RUN.sub(lambda run: re.sub(r"(?i)\b(?:oh|o)\b", "zero", run[0]), text)
    return _alpha2digit(text, "en", _ABOVE_ORDINALS if _ORDINAL.search(text) else _ABOVE)


# -- smart format -------------------------------------------------------------------------------

_NUMBER = r"(\d+(?:\.\d+)?)"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"(?i)\b{_NUMBER} dollars? and (\d\d?) cents?\b"), r"$\1.\2"),
    (re.compile(rf"(?i)\b{_NUMBER} dollars?\b"), r"$\1"),
    (re.compile(rf"(?i)\b{_NUMBER} pounds and (\d\d?) pence\b"), r"£\1.\2"),
    (re.compile(rf"(?i)\b{_NUMBER} euros?\b"), r"€\1"),
    (re.compile(rf"(?i)\b{_NUMBER} ?per ?cent\b"), r"\1%"),
    (re.compile(r"(?i)\b(1[0-2]|\d) ([0-5]\d) ?([ap])\.? ?m\b\.?"), r"\1:\2 \3m"),
    (re.compile(r"(?i)\b(1[0-2]|\d) ?([ap])\. ?m\b\.?"), r"\1 \2m"),
)
_DIGITS = re.compile(r"\b0?\d(?:[ ,-]{1,2}0?\d\b){2,}")
_DOMAIN = r"(\w[\w-]*(?: dot \w[\w-]*)*) dot (com|org|net|io|ai|co|edu|gov|uk|de|fr)\b"
_MAIL = re.compile(rf"(?i)\b([\w.-]+(?: dot [\w-]+)*) at {_DOMAIN}")
_SITE = re.compile(rf"(?i)\b{_DOMAIN}")


def smart_format(text: str) -> str:
    """Return a text whose numbers are digits with amounts, times, telephone numbers and addresses written as usual."""
    text = _MAIL.sub(lambda match: _dotted(f"{match[1]}@{match[2]}.{match[3]}"), text)
    text = _SITE.sub(lambda match: _dotted(f"{match[1]}.{match[2]}"), text)
    text = _DIGITS.sub(lambda match: _joined(re.sub(r"\D", "", match[0])), text)
    for pattern, written in _RULES:
        text = pattern.sub(written, text)
    return text


def _dotted(address: str) -> str:
    return re.sub(r"(?i) dot ", ".", address).lower()


def _joined(digits: str) -> str:
    if digits.startswith("0") or len(digits) not in (7, 10):
        return digits
    return "-".join((digits[:3], digits[3:]) if len(digits) == 7 else (digits[:3], digits[3:6], digits[6:]))


# -- fillers ------------------------------------------------------------------------------------

_FILLER = r"(?:u+m+|u+h+|uhm|er+|erm+|h+m+)"
_FILLERS = re.compile(rf"(?i)(?:,\s*)?(?<![\w'-])\b{_FILLER}\b(?![\w'-])(?P<after>[,.…]*)\s*")


def drop_fillers(text: str) -> str:
    """Return the text without um, uh, er and hmm and the commas around them."""
    text = _FILLERS.sub(_gap, text).strip(" ,")
    text = re.sub(r"\s+([,.?!])", r"\1", text)
    return text[:1].upper() + text[1:] if text.strip(".,?! ") else ""


def _gap(match: re.Match[str]) -> str:
    ends = "." in match["after"] and match.end() == len(match.string)
    return "." if ends else " "
