"""What was said so far, for a new connection: Omni cannot resume a call, and takes no history but in the persona."""

from __future__ import annotations

from collections import deque

from ...omni_events import CallerTranscript, OmniEvent, ReplyEnded, ReplyTruncated
from ...omni_options import LONGEST_PERSONA

__all__ = ["History"]

_MOST_ENTRIES = 200
_LONGEST_NOTES = 6_000
"""Characters."""
_PREAMBLE = (
    "The telephone line of this conversation was interrupted, and the caller is back. Go on where it stopped: do not "
    "greet again, do not repeat what was said. What was said so far:"
)


class History:
    """The newest utterances and replies."""

    def __init__(self) -> None:
        self._entries: deque[tuple[str, str, str]] = deque(maxlen=_MOST_ENTRIES)
        """Speaker, name of the utterance or reply, text."""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def note(self, event: OmniEvent) -> None:
        """Remember what an event adds; a later word on the same utterance or reply replaces the earlier."""
        match event:
            case CallerTranscript(text=text, utterance=name, final=True):
                self._write("Caller", name, text)
            case ReplyEnded(reply=name, text=text) if text:
                self._write("You", name, text)
            case ReplyTruncated(reply=name, text=text):
                self._write("You", name, f"{text} -")
            case _:
                pass

    def _write(self, speaker: str, name: str, text: str) -> None:
        for index, (_, known, _) in enumerate(self._entries):
            if known == name:
                self._entries[index] = (speaker, name, text)
                return
        self._entries.append((speaker, name, text))

    def persona(self, persona: str) -> str:
        """Return the persona for a new connection, with the newest of what was said, within the limit."""
        room = min(_LONGEST_NOTES, LONGEST_PERSONA - len(persona) - len(_PREAMBLE) - 2)
        lines: deque[str] = deque()
        for speaker, _, text in reversed(self._entries):
            line = f"{speaker}: {text}"
            room -= len(line) + 1
            if room < 0:
                break
            lines.appendleft(line)
        return "\n".join(part for part in (persona, _PREAMBLE, *lines) if part) if lines else persona
