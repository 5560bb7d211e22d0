"""One response: the order of its events.

Above: :mod:`.server`. ``response.created``; for each item ``output_item.added``, ``conversation.item.added``, its parts
and their deltas, ``output_item.done``, ``conversation.item.done``; ``response.done``. An item is closed whether or not
it was finished, so that a client that waits for the end of one is never left waiting. A function is called at once,
beside a message that is still being said.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal, Protocol

from .items import Item, Items, Part
from .session import Session

__all__ = ["Emit", "Response"]


class Emit(Protocol):
    """Sends an event."""

    def __call__(self, kind: str, /, **fields: Any) -> None:
        """Send an event of this type with these fields."""
        ...


class Response:
    """Everything that one response says; its items become part of ``items``, None: of no conversation."""

    def __init__(
        self,
        response_id: str,
        session: Session,
        items: Items | None,
        emit: Emit,
        new_id: Callable[[str], str],
        *,
        conversation_id: str | None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.response_id = response_id
        self._session = session
        self._items = items
        self._emit = emit
        self._new_id = new_id
        self._conversation_id = conversation_id
        self._metadata = metadata
        self._output: list[Item] = []
        self._message: Item | None = None
        """What is being said."""
        self._emit("response.created", response=self._wire("in_progress", None))

    # What is said

    def words(self, text: str) -> None:
        """Say words; those of speech come before their audio."""
        message = self._saying()
        message.parts[0].add(text)
        self._emit(f"response.{self._words_kind}.delta", **self._in(message), delta=text)

    def audio(self, audio: bytes) -> None:
        """Say sound, in the session's output format; nothing where the response is text."""
        if self._session.speaks and audio:
            message = self._saying()
            message.parts[0].seconds += self._session.audio.output.format.audio.seconds(len(audio))
            self._emit("response.output_audio.delta", **self._in(message), delta=base64.b64encode(audio).decode())

    def function_call(self, name: str, arguments: str) -> str:
        """Ask the client to call a function; return the id of the call."""
        item = Item(self._new_id("item"), "function_call", "in_progress", call_id=self._new_id("call"), name=name)
        self._add(item)
        call = {**self._at(item), "item_id": item.item_id, "call_id": item.call_id}
        self._emit("response.function_call_arguments.delta", **call, delta=arguments)
        item.arguments = arguments
        self._emit("response.function_call_arguments.done", **call, name=name, arguments=arguments)
        self._finish(item, "completed")
        return item.call_id

    def end(
        self,
        status: Literal["completed", "cancelled", "failed", "incomplete"] = "completed",
        details: dict[str, Any] | None = None,
        *,
        heard: float | None = None,
    ) -> None:
        """Say that it is over; ``heard`` are the seconds of its speech that the caller heard, None: all."""
        if heard is not None:
            self._cut(heard)
        self._close("completed" if status == "completed" else "incomplete")
        self._emit("response.done", response=self._wire(status, details and {"type": status, **details}))

    # How

    @property
    def _words_kind(self) -> str:
        return "output_audio_transcript" if self._session.speaks else "output_text"

    def _at(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.response_id, "output_index": self._output.index(item)}

    def _in(self, message: Item) -> dict[str, Any]:
        return {**self._at(message), "item_id": message.item_id, "content_index": 0}

    def _saying(self) -> Item:
        """Return the message that is being said, opened where none is."""
        if self._message is None:
            self._message = item = Item(self._new_id("item"), "message", "in_progress", "assistant")
            self._add(item)
            item.parts.append(Part("output_audio" if self._session.speaks else "output_text", ""))
            self._emit("response.content_part.added", **self._in(item), part=self._part(""))
        return self._message

    def _part(self, words: str) -> dict[str, str]:
        return {"type": "audio", "transcript": words} if self._session.speaks else {"type": "text", "text": words}

    def _add(self, item: Item) -> None:
        self._output.append(item)
        self._emit("response.output_item.added", **self._at(item), item=item.wire())
        if self._items is not None:
            self._emit("conversation.item.added", previous_item_id=self._items.append(item), item=item.wire())

    def _close(self, status: Literal["completed", "incomplete"]) -> None:
        """Close the message that is being said, if any."""
        item, self._message = self._message, None
        if item is None:
            return
        item.parts[0].whole = status == "completed"
        words = item.parts[0].text or ""
        said = {"transcript": words} if self._session.speaks else {"text": words}
        if self._session.speaks:
            self._emit("response.output_audio.done", **self._in(item))
        self._emit(f"response.{self._words_kind}.done", **self._in(item), **said)
        self._emit("response.content_part.done", **self._in(item), part=self._part(words))
        self._finish(item, status)

    def _finish(self, item: Item, status: Literal["completed", "incomplete"]) -> None:
        item.status = status
        self._emit("response.output_item.done", **self._at(item), item=item.wire())
        if self._items is not None:
            self._emit("conversation.item.done", previous_item_id=self._items.before(item.item_id), item=item.wire())

    def _cut(self, heard: float) -> None:
        """Leave in the conversation only what was heard of the speech."""
        if self._message is not None:
            self._message.parts[0].cut(max(heard, 0.0))

    def _wire(self, status: str, details: dict[str, Any] | None) -> dict[str, Any]:
        spoken = self._session.audio.output
        return {
            "id": self.response_id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [item.wire() for item in self._output],
            "conversation_id": self._conversation_id,
            "output_modalities": list(self._session.output_modalities),
            "max_output_tokens": self._session.max_output_tokens,
            "audio": {"output": {"format": spoken.format.model_dump(exclude_none=True), "voice": spoken.voice}},
            "usage": None,
            "metadata": self._metadata,
        }
