"""The question set: what callers ask of two made-up organisations, and which passage answers it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pyai_voice.server.knowledge import Hit

__all__ = ["DOCUMENTS", "Question", "questions"]

HERE = Path(__file__).parent
DOCUMENTS = sorted((HERE / "documents").glob("*.md"))


@dataclass(frozen=True, slots=True)
class Question:
    """One question, in a caller's words and without signs, as a recogniser writes it."""

    text: str
    kind: str
    """``words``: says what the passage says; ``paraphrase``: in other words; ``exact``: a name, number or code;
    ``unanswerable``: no passage answers it."""
    document: str
    passages: tuple[str, ...]
    """Titles of the passages that answer it."""
    chosen_on: bool
    """In the half on which settings are chosen; the other half is reported. No passage is in both."""

    def answered_by(self, hit: Hit) -> bool:
        """Tell whether a hit is the passage that answers it."""
        title = hit.content.partition("\n")[0].rpartition(" > ")[2]
        return hit.name == f"{self.document}.md" and title in self.passages


def questions() -> list[Question]:
    """Read them, in the order of the file."""
    numbers: dict[tuple[str, str], int] = {}
    found: list[Question] = []
    alone = count()
    with open(HERE / "questions.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            passages = tuple(filter(None, row["passage"].split("|")))
            key = (row["document"], passages[0]) if passages else ("", str(next(alone)))
            number = numbers.setdefault(key, len(numbers))
            found.append(Question(row["question"], row["kind"], row["document"], passages, number % 2 == 0))
    return found
