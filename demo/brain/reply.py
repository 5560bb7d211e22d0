"""What the barista answers: repeat the order, ask for what is missing, let it be confirmed or changed.

The answer depends on nothing but the caller's sentences, replayed from the first, and on passages that came with the
last one: no memory, no clock, no chance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from .knowledge import answer
from .menu import MENU
from .order import Order, read
from .words import tokens

__all__ = ["Conversation", "Stage", "converse", "follow"]


class Stage(Enum):
    """What the barista waits for."""

    ORDER = "order"
    CONFIRMATION = "confirmation"
    CHANGE = "change"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where the conversation stands after a sentence of the caller."""

    order: Order = Order()
    stage: Stage = Stage.ORDER
    reply: str = "Hello! What can I get you?"
    placed: bool = False
    """The last sentence confirmed the order."""


_QUESTION = {"drink": "What would you like to drink?", "size": "What size: small, medium or large?"}
_CHANGE = "What would you like to change?"
_MORE = "Can I get you anything else?"
_SORRY = "Sorry, I did not catch that."
_MENU = f"We have {', '.join(choice for choice in MENU['drink'] if ' ' not in choice)} and more."

_QUESTION_WORDS = frozenset("when where what which who how why is are do does until".split())
"""One of them is among the first words of a question."""
_INTENTS = {
    "cancel": r"cancel|forget it|never mind|nevermind|start (over|again)",
    "menu": r"menu|recommend|(what|which) .*\b(have|there|choices?|drinks?|sizes?)|options",
    "no": r"no|nope|nah|wrong|not right|incorrect|change",
    "yes": r"yes|yeah|yep|yup|sure|correct|right|perfect|exactly|great|good|fine|ok|okay|all|done|please|lovely",
    "goodbye": r"bye|goodbye|see you|cheers|thanks|thank you",
    "hello": r"hello|hi|hey|good (morning|afternoon|evening)|how are you",
}
"""What else a caller may want, in the order in which it is looked for."""
_PATTERNS = {intent: re.compile(rf"\b(?:{pattern})\b") for intent, pattern in _INTENTS.items()}


def converse(sentences: Sequence[str], passages: str = "") -> Conversation:
    """Return where a conversation stands after all sentences of the caller; the passages may answer the last one."""
    conversation = Conversation()
    for place, sentence in enumerate(sentences, start=1):
        conversation = follow(conversation, sentence, passages if place == len(sentences) else "")
    return conversation


def follow(conversation: Conversation, sentence: str, passages: str = "") -> Conversation:
    """Return the conversation after one more sentence, which the passages may answer."""
    conversation = replace(conversation, placed=False)
    if _asks(sentence) and (fact := answer(sentence, passages)):
        return replace(conversation, reply=f"{fact} {_pending(conversation)}")
    intent = _intent(sentence)
    if intent == "cancel":
        return Conversation(reply="No problem, I have cancelled that. What would you like instead?")
    heard = read(sentence)
    return _take(conversation, heard) if heard else _answer(conversation, intent)


def _asks(sentence: str) -> bool:
    return "?" in sentence or bool(_QUESTION_WORDS.intersection(tokens(sentence)[:3]))


def _intent(sentence: str) -> str:
    text = " ".join(tokens(sentence))
    return next((intent for intent, pattern in _PATTERNS.items() if pattern.search(text)), "")


def _take(conversation: Conversation, heard: Order) -> Conversation:
    """Add what was heard to the order; a drink named after a finished order begins a new one."""
    new = conversation.stage is Stage.NOTHING and heard.drink
    order = heard if new else conversation.order.merge(heard)
    missing = order.missing()
    said = _sentence(str(order))
    if missing:
        return Conversation(order, Stage.ORDER, f"{said} {_QUESTION[missing]}")
    return Conversation(order, Stage.CONFIRMATION, f"{said} Is that right?")


def _answer(conversation: Conversation, intent: str) -> Conversation:
    """Answer a sentence without a word of the menu."""
    if conversation.stage in (Stage.CONFIRMATION, Stage.CHANGE) and intent in ("yes", "no", "goodbye"):
        return _close(conversation, intent)
    if conversation.stage is Stage.NOTHING and intent in ("yes", "no", "goodbye"):
        return replace(conversation, reply="Enjoy your coffee. Goodbye!")
    opening = {"hello": "Hello!", "menu": _MENU, "goodbye": "Thank you."}.get(intent, _SORRY)
    return replace(conversation, reply=f"{opening} {_pending(conversation)}")


def _close(conversation: Conversation, intent: str) -> Conversation:
    """End the order, or hear what is wrong with it."""
    if intent == "no" and conversation.stage is Stage.CONFIRMATION:
        return replace(conversation, stage=Stage.CHANGE, reply=_CHANGE)
    return replace(conversation, stage=Stage.NOTHING, reply="Thank you, coming right up!", placed=True)


def _pending(conversation: Conversation) -> str:
    """Return the question that is still open."""
    order = conversation.order
    if conversation.stage is Stage.NOTHING:
        return _MORE
    if conversation.stage is Stage.CHANGE:
        return _CHANGE
    if missing := order.missing():
        return _QUESTION[missing]
    return f"{_sentence(str(order))} Is that right?"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
