"""What the caller says: the input buffer, and the items that it becomes.

Above: :mod:`.server`. Here live the events of the buffer and of the caller's words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .items import Item, Items, Part
from .response import Emit
from .session import Session
from .wire import refuse

__all__ = ["Caller"]

_LEAST_AUDIO = 0.1
"""Seconds that a commit needs, as with OpenAI."""
_MOST_OPEN = 8
"""Commits whose words are still being read."""


class Caller:
    """The caller's side of the conversation."""

    def __init__(self, items: Items, emit: Emit, new_id: Callable[[str], str]) -> None:
        self._items = items
        self._emit = emit
        self._new_id = new_id
        self._buffered = 0.0
        """Seconds of sound that nobody has committed."""
        self._speaking = ""
        """The item of the open utterance."""
        self._said = 0
        """How many characters of its words were told."""
        self._unread = deque[str]()
        """Items of commits whose words are awaited."""

    @property
    def unread(self) -> bool:
        """Whether the words of a commit are awaited."""
        return bool(self._unread)

    # The buffer

    def append(self, seconds: float) -> None:
        """Note how much sound has come."""
        self._buffered += seconds

    def commit(self) -> None:
        """Make an item of the buffer. Raises Refusal when there is too little sound in it."""
        if self._buffered < _LEAST_AUDIO:
            refuse(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer "
                f"only has {1000 * self._buffered:.2f}ms of audio.",
            )
        if len(self._unread) >= _MOST_OPEN:
            refuse("too_many_commits", f"The words of {_MOST_OPEN} commits are still being read.")
        self._unread.append(self._add())

    def clear(self) -> None:
        """Forget the buffer."""
        self._buffered = 0.0
        self._speaking = ""
        self._emit("input_audio_buffer.cleared")

    def _add(self) -> str:
        item_id = self._speaking or self._new_id("item")
        self._speaking, self._buffered, self._said = "", 0.0, 0
        item = Item(item_id, "message", role="user", parts=[Part("input_audio")])
        before = self._items.append(item)
        self._emit("input_audio_buffer.committed", previous_item_id=before, item_id=item_id)
        self._emit("conversation.item.added", previous_item_id=before, item=item.wire())
        self._emit("conversation.item.done", previous_item_id=before, item=item.wire())
        return item_id

    # What is heard

    def started(self, at: float, session: Session) -> None:
        """The caller began to speak at this second of the sound."""
        detection = session.audio.input.turn_detection
        if detection is not None:
            self._speaking, self._said = self._new_id("item"), 0
            began = max(at - detection.prefix, 0.0)
            self._emit("input_audio_buffer.speech_started", audio_start_ms=round(1000 * began), item_id=self._speaking)

    def stopped(self, at: float) -> None:
        """The utterance is over."""
        if self._speaking:
            self._emit("input_audio_buffer.speech_stopped", audio_end_ms=round(1000 * at), item_id=self._speaking)

    def words(self, stable: str, session: Session) -> None:
        """So many words of the open utterance are sure."""
        if self._speaking and session.audio.input.transcription and len(stable) > self._said:
            delta, self._said = stable[self._said :], len(stable)
            self._transcription("delta", self._speaking, delta=delta)

    def said(self, text: str, seconds: float, session: Session, *, committed: bool) -> None:
        """The words of an utterance, or of the oldest commit."""
        if committed and not self._unread:
            return
        item_id = self._unread.popleft() if committed else self._add()
        item = self._items.get(item_id)
        if item is not None:  # else the client has deleted it meanwhile
            item.parts[0].text = text
        if session.audio.input.transcription:
            usage = {"type": "duration", "seconds": round(seconds, 3)}
            self._transcription("completed", item_id, transcript=text, usage=usage)

    def _transcription(self, kind: str, item_id: str, **fields: object) -> None:
        self._emit(f"conversation.item.input_audio_transcription.{kind}", item_id=item_id, content_index=0, **fields)
