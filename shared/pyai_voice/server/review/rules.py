"""Rules of phrases, checked against the words of a call. Pure.

Capitals, punctuation and spacing do not matter; only whole words count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel

from ..state.calls import Spoken
from ..state.rules import Rule

__all__ = ["Violation", "check"]

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_QUOTE = 200
"""Characters of a quote."""


class Violation(BaseModel):
    """One rule that was broken, and where."""

    rule_id: str
    severity: str
    kind: str
    phrase: str | None
    """What was said; null for what was not said."""
    role: str | None
    quote: str | None
    offset_s: float | None
    """Seconds from the beginning."""


def check(rules: Sequence[Rule], said: Sequence[Spoken]) -> list[Violation]:
    """Return what broke the rules, in the order of the rules and of the call."""
    heard = [(each, _words(each.text)) for each in said]
    return [found for rule in rules for found in (_forbidden if rule.kind == "forbidden" else _required)(rule, heard)]


_Heard = Sequence[tuple[Spoken, str]]


def _forbidden(rule: Rule, heard: _Heard) -> list[Violation]:
    return [
        Violation(
            rule_id=rule.rule_id,
            severity=rule.severity,
            kind=rule.kind,
            phrase=phrase,
            role=said.role,
            quote=said.text[:_QUOTE],
            offset_s=round(said.start, 3),
        )
        for said, words in heard
        for phrase in rule.phrases
        if rule.role in (said.role, "any") and _words(phrase) in words
    ]


def _required(rule: Rule, heard: _Heard) -> list[Violation]:
    phrases = [_words(phrase) for phrase in rule.phrases]
    for said, words in heard:
        in_time = rule.within_s is None or said.start <= rule.within_s
        if rule.role in (said.role, "any") and in_time and any(phrase in words for phrase in phrases):
            return []
    missing = Violation(
        rule_id=rule.rule_id, severity=rule.severity, kind=rule.kind, phrase=None, role=None, quote=None, offset_s=None
    )
    return [missing]


def _words(text: str) -> str:
    """Return the words with a space on both sides of each, so that only whole words are found."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "
