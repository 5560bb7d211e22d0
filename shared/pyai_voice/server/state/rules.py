"""Rules of phrases: what must be said and what must not.

Trace's own rule language is not published; this one is ours: a rule names phrases, whose words they are, and whether
they are forbidden or required.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .records import Record

__all__ = ["Phrase", "Rule"]

Phrase = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\w")]


class Rule(Record):
    """One rule."""

    rule_id: Annotated[str, Field(min_length=1, max_length=100)]
    kind: Literal["forbidden", "required"]
    """None of the phrases may be said, or one of them must be."""
    phrases: Annotated[list[Phrase], Field(min_length=1, max_length=100)]
    role: Literal["agent", "caller", "any"] = "agent"
    """Whose words they are."""
    severity: Literal["low", "medium", "high"] = "medium"
    within_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds from the beginning within which a required phrase must begin; null: any time."""
