"""An order: read out of what was said, merged with what is known already, and said back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from .menu import AMOUNTS, MENU, Slot
from .words import likeness, tokens

__all__ = ["Order", "read"]

_NEGATIONS = ({"not"}, {"instead", "of"}, {"rather", "than"})
_MOST_WORDS = 300
"""Of one sentence; the rest is not read."""
_LONGEST_WORD_CUT = 2
"""A word of the menu may come in so many pieces more than it has words."""


@dataclass(frozen=True, slots=True)
class Order:
    """One drink. A part that nobody has named is None; milk and sugar carry their amount ("some oat milk")."""

    drink: str | None = None
    size: str | None = None
    roast: str | None = None
    shots: str | None = None
    milk: str | None = None
    sugar: str | None = None

    def merge(self, later: Order) -> Order:
        """Return this order with what was said later: it fills gaps and overrides."""
        return replace(self, **later.named())

    def named(self) -> dict[Slot, str]:
        """Return the parts that were named."""
        return {slot: value for slot, value in asdict(self).items() if value is not None}

    def missing(self) -> Slot | None:
        """Return the part to ask for next, or None when the drink can be made."""
        return next((slot for slot in ("drink", "size") if getattr(self, slot) is None), None)

    def __bool__(self) -> bool:
        return bool(self.named())

    def __str__(self) -> str:
        """Return the order as a barista repeats it: "a large latte with a double shot and some oat milk"."""
        head = " ".join(part for part in (self.size, self.roast, self.drink or "drink") if part)
        extras = [part for part in (self.shots and f"a {self.shots}", self.milk, self.sugar) if part]
        return f"{_article(head)} {head}" + (f" with {_listed(extras)}" if extras else "")


class _Find(NamedTuple):
    weight: float
    start: int
    end: int
    slot: Slot
    choice: str


def read(text: str) -> Order:
    """Return the parts of an order that a sentence names; where it names one twice, the last counts."""
    words = tokens(text)[:_MOST_WORDS]
    found = sorted(_without_overlap(_candidates(words)), key=lambda find: find.start)
    wanted = (find for find in found if not _negated(words, find.start))
    return Order(**{find.slot: _amount(words, find) + find.choice for find in wanted})


_FORMS = [
    (slot, choice, tuple(form.split()))
    for slot, choices in MENU.items()
    for choice, others in choices.items()
    for form in (choice, *others)
]


def _candidates(words: list[str]) -> Iterator[_Find]:
    for slot, choice, form in _FORMS:
        for size in range(max(1, len(form) - 1), len(form) + _LONGEST_WORD_CUT + 1):
            for start in range(len(words) - size + 1):
                score = likeness(tuple(words[start : start + size]), form)
                if score:
                    yield _Find(len("".join(form)) * score**2, start, start + size, slot, choice)


def _without_overlap(finds: Iterator[_Find]) -> list[_Find]:
    kept: list[_Find] = []
    for find in sorted(finds, reverse=True):
        if all(find.end <= other.start or other.end <= find.start for other in kept):
            kept.append(find)
    return kept


def _negated(words: list[str], start: int) -> bool:
    before = set(words[max(0, start - 3) : start])
    return any(negation <= before for negation in _NEGATIONS) and "any" not in before


_AMOUNT_FORMS = sorted(
    ((tuple(form.split()), amount) for amount, others in AMOUNTS.items() for form in (amount, *others)),
    key=lambda pair: -len(pair[0]),
)


def _amount(words: list[str], find: _Find) -> str:
    """Return the amount said right before milk or sugar, with a space behind it, or nothing."""
    if find.slot not in ("milk", "sugar"):
        return ""
    before = words[: find.start]
    for form, amount in _AMOUNT_FORMS:
        if tuple(before[-len(form) :]) == form:
            return f"{amount} "
    return ""


def _article(words: str) -> str:
    return "an" if words[0] in "aei" else "a"


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
