"""Cuts what a brain writes into sentences while it still writes, and leaves out what is not for the ear. Pure.

A sentence goes out as soon as it is complete, so that it can be spoken while the next one is being written. What a
model puts between ``<think>`` or ``<tool_call>`` tags, or into a fenced block, is never spoken.
"""

from __future__ import annotations

import re

__all__ = ["SentenceCutter"]

_END = re.compile(r"[.!?…]+[\"')\]’”]*(?=\s)|\n+")
_PAUSE = re.compile(r"[,;:—](?=\s)")
_ABBREVIATION = re.compile(
    r"(?i)(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|inc|e\.g|i\.e|a\.m|p\.m|approx)|\b[A-Z]|^\s*\d{1,2})\.$"
)
_FIRST_PAUSE_AFTER, _LONGEST = 50, 300
"""Characters after which the first sentence may be cut at a pause; characters of any sentence."""
_HIDDEN = (("<think>", "</think>"), ("<tool_call>", "</tool_call>"), ("```", "```"))
_OPENERS = tuple(opening for opening, _ in _HIDDEN)
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\([^)\s]{1,500}\)")
_LIST = re.compile(r"(?m)^\s*(?:[-*•]|#{1,6}|>)\s+")
_MARKS = re.compile(r"\*\*|__|[*`#]|</?[a-zA-Z][^<>]{0,80}>")
_PICTURE = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\ud800-\udfff]")  # halves of pairs too


class SentenceCutter:
    """Give it pieces of any size with :meth:`feed`; :meth:`flush` gives the rest.

    The sentences, joined, are the text as it is spoken: each but the first begins with a space.
    """

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, piece: str) -> list[str]:
        """Return the sentences that are complete now."""
        self._text += piece
        self._hide()
        return self._cut()

    def flush(self) -> list[str]:
        """Return what is left; a hidden part that was not closed is left out."""
        self._hide()
        opener = self._opener()
        rest, self._text = self._text[: len(self._text) if opener is None else opener], ""
        return self._told([rest])

    def _hide(self) -> None:
        for opening, closing in _HIDDEN:
            while (start := self._text.find(opening)) >= 0:
                end = self._text.find(closing, start + len(opening))
                if end < 0:
                    break
                self._text = f"{self._text[:start]} {self._text[end + len(closing) :]}"

    def _opener(self) -> int | None:
        """Return where a hidden part begins that is not closed yet, or may begin."""
        found = [place for opening in _OPENERS if (place := self._text.find(opening)) >= 0]
        found += [
            len(self._text) - size
            for opening in _OPENERS
            for size in range(1, len(opening))
            if self._text.endswith(opening[:size])
        ]
        return min(found, default=None)

    def _cut(self) -> list[str]:
        found: list[str] = []
        while (cut := self._place(not found)) is not None:
            found.append(self._text[:cut])
            self._text = self._text[cut:]
        return self._told(found)

    def _place(self, first: bool) -> int | None:
        """Return where the first whole sentence ends."""
        opener = self._opener()
        text = self._text if opener is None else self._text[:opener]
        for match in _END.finditer(text):
            if text[: match.end()].strip() and not _ABBREVIATION.search(text[: match.end()]):
                return match.end()
        pauses = (match.end() for match in _PAUSE.finditer(text) if match.end() >= _FIRST_PAUSE_AFTER)
        if first and self._first and (pause := next(pauses, None)) is not None:
            return pause
        return (text.rfind(" ", 1, _LONGEST) if " " in text[1:_LONGEST] else _LONGEST) if len(text) > _LONGEST else None

    def _told(self, raw: list[str]) -> list[str]:
        sentences = [sentence for each in raw if (sentence := _spoken(each))]
        told = [sentence if self._first and not place else f" {sentence}" for place, sentence in enumerate(sentences)]
        self._first = self._first and not told
        return told


def _spoken(text: str) -> str:
    """Return a text without the marks of a written one."""
    text = _LINK.sub(r"\1", _LIST.sub("", text))
    text = " ".join(_PICTURE.sub("", _MARKS.sub("", text)).split())
    return text if any(map(str.isalnum, text)) else ""
