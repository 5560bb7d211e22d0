"""The brain that needs no model: rules, sentences of the passages, the persona's own facts. It makes nothing up.

The same conversation always gets the same answer. What it can do: small talk, answer a question with the sentence that
fits best, say who the persona is, call a tool that the caller's words name, ask for an argument that is missing, and
say what came back. It understands English, and not much; for an agent that really converses set OPENAI_BASE_URL.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any, cast

from ...omni_options import Tool
from . import Message, Prompt, Thought, ToolRequest
from .arguments import answer_for, ask_for, extract, missing
from .quoting import same, sentences, share, telling
from .results import tell_result
from .talk import NOT_UNDERSTOOD, fact, finished, small_talk

__all__ = ["OfflineBrain"]

_CONTROLS = {
    "transfer_to_human": (
        r"\b(speak|talk|connect|transfer|put)\b.*\b(human|person|agent|someone|somebody|representative|operator"
        r"|manager|colleague|staff)\b|\b(operator|representative)\b",
        "One moment, I'm connecting you.",
    ),
    "end_call": (r"^\W*(bye|goodbye|good bye|bye bye|hang up|end the call|that's all.*(bye|goodbye))\W*$", "Goodbye!"),
    "play_hold": (r"\b(hold on|one moment|just a (moment|second|minute)|wait a (moment|second|minute))\b", ""),
}

_ENOUGH = 0.5
"""Part of what was said that must be about a tool."""
_LONGEST = 1000
"""Characters of an utterance that are looked at."""


class OfflineBrain:
    """A :class:`~pyai_voice.server.brain.Brain` without a model."""

    name = "offline"

    async def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        """Yield the answer: a text, a tool, or both."""
        for thought in _decide(prompt):
            yield thought

    async def aclose(self) -> None:
        """Nothing to let go of."""


def _decide(prompt: Prompt) -> list[Thought]:
    last = prompt.messages[-1] if prompt.messages else Message("user", "hello")
    if last.role == "tool":
        return [_tell_results(prompt.messages)]
    if last.role != "user":
        return []
    text = last.text[:_LONGEST].strip()
    if call := _continued(prompt, text) or _control(prompt, text):
        return call
    if said := small_talk(prompt, text):
        return [said]
    return _tool(prompt, text) or [fact(prompt, text)]


# Tools


def _continued(prompt: Prompt, text: str) -> list[Thought]:
    """Go on with a tool whose argument was asked for in the last reply."""
    asked, said = prompt.messages[-2:-1], prompt.messages[:-2]
    question = _last_sentence(asked[0].text) if asked and asked[0].role == "assistant" else ""
    pending = next(
        ((tool, name) for tool in prompt.tools for name in _names(tool) if ask_for(tool, name) == question), None
    )
    if pending is None:
        return []
    tool, name = pending
    known: dict[str, Any] = {}
    for place, message in enumerate(said):
        before = said[place - 1].text if place else ""
        if message.role == "user":
            known |= extract(tool, message.text) | _answered(tool, before, message.text)
    answer = answer_for(tool, name, text)
    if answer is None:
        return [f"{NOT_UNDERSTOOD} {question}"]
    return _call(prompt, tool, {**known, name: answer})


def _answered(tool: Tool, question: str, text: str) -> dict[str, Any]:
    asked = _last_sentence(question)
    name = next((name for name in _names(tool) if ask_for(tool, name) == asked), None)
    value = answer_for(tool, name, text) if name else None
    return {} if name is None or value is None else {name: value}


def _control(prompt: Prompt, text: str) -> list[Thought]:
    """Transfer, hold or end the call, where the agent may."""
    for tool in prompt.tools:
        pattern, said = _CONTROLS.get(tool.name, ("", ""))
        if pattern and re.search(pattern, text.lower()):
            return [*([said] if said else []), _request(prompt, tool, extract(tool, text))]
    return []


def _tool(prompt: Prompt, text: str) -> list[Thought]:
    """Call the tool that the caller's words are about."""
    about = telling(text)
    rated = [(_fit(about, tool), tool) for tool in prompt.tools if tool.name not in _CONTROLS]
    fit, tool = max(rated, key=lambda each: each[0], default=(0.0, None))
    return _call(prompt, tool, extract(tool, text)) if tool is not None and fit >= _ENOUGH else []


def _fit(about: list[str], tool: Tool) -> float:
    """Return which part of what was said is about a tool: a word of its name must be there, where that has several."""
    named = [word.lower() for word in re.findall(r"[A-Za-z][a-z]+|[A-Z]+|\d+", tool.name)]
    described = re.findall(r"[a-z]+", f"{tool.description} {' '.join(_names(tool))}".lower())
    words = [word for word in about if not word[0].isdigit()]
    if not any(same(word, other) for word in words for other in (named if len(named) > 1 else [*named, *described])):
        return 0.0
    return share(words, [*named, *described])


def _call(prompt: Prompt, tool: Tool, arguments: dict[str, Any]) -> list[Thought]:
    name = missing(tool, arguments)
    return [_request(prompt, tool, arguments)] if name is None else [ask_for(tool, name)]


def _request(prompt: Prompt, tool: Tool, arguments: dict[str, Any]) -> ToolRequest:
    return ToolRequest(f"call_{len(prompt.messages)}", tool.name, arguments)


def _names(tool: Tool) -> list[str]:
    return list(cast("dict[str, Any]", tool.parameters.get("properties") or {}))


def _last_sentence(text: str) -> str:
    return (list(sentences(text)) or [""])[-1]


def _tell_results(messages: tuple[Message, ...]) -> str:
    results: list[str] = []
    for message in reversed(messages):
        if message.role != "tool":
            break
        results.insert(
            0, f"I'm sorry, that did not work: {message.text}" if message.failed else tell_result(message.text)
        )
    return " ".join(finished(each) for each in results if each)
