"""The conversation as the client sees it: items in an order, which it may add to, take from and cut.

Above: :mod:`.server`. What the agent is told of the conversation is exactly these items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from .wire import Fields, Unsupported, refusal_of, refuse

__all__ = ["Item", "Items", "Part", "read_item"]

MOST_ITEMS, MOST_CHARACTERS = 5000, 4_000_000
"""Items of a conversation, and characters of all of them, that a client may bring."""
_LONGEST_TEXT = 65_536
"""Characters of a text in an item that the client adds."""
_PACE = 15
"""Characters that are spoken in a second, about."""
_WORD = re.compile(r"\s*\S+")

Status = Literal["in_progress", "completed", "incomplete"]
Id = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Text = Annotated[str, Field(max_length=_LONGEST_TEXT)]


@dataclass(slots=True)
class Part:
    """A piece of a message: text, or speech with its words."""

    kind: Literal["input_text", "input_audio", "output_text", "output_audio"]
    text: str | None = None
    """Its words; None while nobody has written down what was said."""
    seconds: float = 0.0
    """Of speech."""
    whole: bool = False
    """Whether the speech has come to its end."""
    heard: str | None = None
    """The words up to where the speech was cut off; None: all of them."""
    _marks: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """From which second of the speech on which character of the text is spoken."""

    @property
    def spoken(self) -> bool:
        """Whether it is speech."""
        return self.kind.endswith("audio")

    def add(self, text: str) -> None:
        """Add words, which are spoken from here on."""
        self._marks.append((self.seconds, len(self.text or "")))
        self.text = (self.text or "") + text

    def cut(self, seconds: float) -> None:
        """Leave only the words that were heard in so many seconds: within a sentence by its length, whole words."""
        text = self.text or ""
        marks = [(0.0, 0), *self._marks]
        if self.whole:
            marks.append((self.seconds, len(text)))
        else:  # a sentence was broken off, and nobody knows how long it would have been
            began, start = marks[-1]
            marks.append((max(self.seconds, began + (len(text) - start) / _PACE), len(text)))
        past = next((number for number, mark in enumerate(marks) if mark[0] > seconds), None)
        if past is None:
            self.heard = None
            return
        (began, start), (ended, end) = marks[past - 1], marks[past]
        whole = start + (end - start) * (seconds - began) / (ended - began)
        words = [match.end() for match in _WORD.finditer(text) if match.end() <= whole]
        self.heard = text[: max(words, default=0)]

    def wire(self) -> dict[str, Any]:
        """Return it as in an item."""
        words = self.text if self.heard is None else self.heard
        return {"type": self.kind, "transcript" if self.spoken else "text": words}


@dataclass(slots=True)
class Item:
    """One entry of the conversation."""

    item_id: str
    kind: Literal["message", "function_call", "function_call_output"]
    status: Status = "completed"
    role: str = ""
    parts: list[Part] = field(default_factory=list[Part])
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    """Of a function call, JSON."""
    output: str = ""
    """Of its answer."""

    @property
    def text(self) -> str:
        """All words of a message, as far as they were heard."""
        words = (part.text if part.heard is None else part.heard for part in self.parts)
        return "\n".join(each for each in words if each)

    @property
    def size(self) -> int:
        """Characters that it holds."""
        return len(self.arguments) + len(self.output) + sum(len(part.text or "") for part in self.parts)

    def wire(self) -> dict[str, Any]:
        """Return it as in an event."""
        fields: dict[str, Any] = {
            "id": self.item_id,
            "object": "realtime.item",
            "type": self.kind,
            "status": self.status,
        }
        match self.kind:
            case "message":
                return {**fields, "role": self.role, "content": [part.wire() for part in self.parts]}
            case "function_call":
                return {**fields, "call_id": self.call_id, "name": self.name, "arguments": self.arguments}
            case _:
                return {**fields, "call_id": self.call_id, "output": self.output}


class Items:
    """The items in their order."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last(self) -> str | None:
        """The id of the last one."""
        return next(reversed(self._items), None)

    def get(self, item_id: object) -> Item | None:
        """Return an item."""
        return self._items.get(item_id) if isinstance(item_id, str) else None

    def before(self, item_id: str) -> str | None:
        """Return the id of the item before this one; None for the first one and for one that is not there."""
        ids = list(self._items)
        place = ids.index(item_id) if item_id in self._items else 0
        return ids[place - 1] if place else None

    def called(self, call_id: str) -> bool:
        """Tell whether there is a function call with this id."""
        return any(item.kind == "function_call" and item.call_id == call_id for item in self)

    def append(self, item: Item) -> str | None:
        """Put an item at the end; return the id of the one before it."""
        before = self.last
        self._items[item.item_id] = item
        return before

    def insert(self, item: Item, after: str | None) -> str | None:
        """Put an item after another one, ``root``: before all; return the id of the one before it. Raises Refusal."""
        if item.item_id in self._items:
            refuse(
                "item_create_duplicate_item_id",
                f"Error adding item: an item with id '{item.item_id}' is already there.",
                "item.id",
            )
        if len(self) >= MOST_ITEMS or sum(each.size for each in self) + item.size > MOST_CHARACTERS:
            refuse("too_many_items", f"Error adding item: at most {MOST_ITEMS} with {MOST_CHARACTERS} characters.")
        if after is None or after == self.last:
            return self.append(item)
        if after != "root" and after not in self._items:
            refuse(
                "item_create_invalid_previous_item_id",
                f"Error adding item: the previous item with id '{after}' does not exist.",
                "previous_item_id",
            )
        ids = list(self._items)
        place = 0 if after == "root" else ids.index(after) + 1
        self._items[item.item_id] = item
        self._items = {each: self._items[each] for each in (*ids[:place], item.item_id, *ids[place:])}
        return None if after == "root" else after

    def delete(self, item_id: str) -> None:
        """Take an item out that is there."""
        del self._items[item_id]


# What a client adds


class _Content(Fields):
    type: Literal["input_text", "output_text", "text", "input_audio", "output_audio", "audio"]
    text: Text | None = None
    transcript: Text | None = None
    audio: Any = None
    image_url: Unsupported = None
    detail: Unsupported = None

    @model_validator(mode="after")
    def _has_words(self) -> _Content:
        words = self.transcript if self.type.endswith("audio") else self.text
        if words is None:
            raise ValueError(
                "Invalid value: only words are taken here (a text, or the transcript of audio); sound goes to "
                "input_audio_buffer.append"
            )
        return self

    def part(self) -> Part:
        if self.type.endswith("audio"):
            return Part("input_audio" if self.type == "input_audio" else "output_audio", self.transcript)
        return Part("input_text" if self.type == "input_text" else "output_text", self.text)


class _Given(Fields):
    id: Id | None = None
    object: Any = None
    status: Any = None


class _Message(_Given):
    type: Literal["message"]
    role: Literal["user", "assistant", "system"]
    content: Annotated[tuple[_Content, ...], Field(max_length=100)]

    def item(self, item_id: str) -> Item:
        return Item(item_id, "message", role=self.role, parts=[content.part() for content in self.content])


class _FunctionCall(_Given):
    type: Literal["function_call"]
    call_id: Id
    name: Annotated[str, Field(max_length=64)]
    arguments: Text

    def item(self, item_id: str) -> Item:
        return Item(item_id, "function_call", call_id=self.call_id, name=self.name, arguments=self.arguments)


class _FunctionCallOutput(_Given):
    type: Literal["function_call_output"]
    call_id: Id
    output: Text

    def item(self, item_id: str) -> Item:
        return Item(item_id, "function_call_output", call_id=self.call_id, output=self.output)


_GIVEN: TypeAdapter[_Message | _FunctionCall | _FunctionCallOutput] = TypeAdapter(
    Annotated[_Message | _FunctionCall | _FunctionCallOutput, Field(discriminator="type")]
)


def read_item(given: object, new_id: str, where: str = "item") -> Item:
    """Return the item of ``conversation.item.create``, named ``new_id`` where it has no name. Raises Refusal."""
    try:
        fields = _GIVEN.validate_python(given)
    except ValidationError as error:
        refusal = refusal_of(error, where)
    else:
        return cast("_Message", fields).item(fields.id or new_id)
    raise refusal
