"""From OpenAI's words to those of a conversation: its settings and its items.

Above: :mod:`.openai`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, cast

from ...omni_options import OmniOptions, Tool
from ...protocol.plain_json import read_json
from ...protocol.realtime.items import Item
from ...protocol.realtime.session import Abilities, Session
from ..brain import Message, ToolRequest
from ..engines.load import Engines
from .habits import Habits

__all__ = ["abilities_of", "agent_of", "habits_of", "messages_of"]

LONGEST_SESSION = 3600.0
"""Seconds, as with OpenAI."""


def abilities_of(engines: Engines) -> Abilities:
    """Return what a session may ask for."""
    synthesizer, recognizer = engines.synthesizer, engines.recognizer
    return Abilities(
        voice=synthesizer.voices[0].voice_id,
        knows_voice=lambda voice: synthesizer.find(voice) is not None,
        languages=recognizer.languages,
        speeds=synthesizer.speeds,
    )


def agent_of(session: Session) -> OmniOptions:
    """Return who the agent is."""
    known = cast("dict[str, Any]", {tool.name: tool for tool in reversed(session.tools)})
    tools = () if session.tool_choice == "none" else tuple(reversed(known.values()))
    transcription = session.audio.input.transcription
    return OmniOptions(
        persona=session.instructions,
        voice=session.audio.output.voice,
        tools=tuple(
            Tool(name=tool.name, description=tool.description or "", parameters=tool.parameters) for tool in tools
        ),
        temperature=session.temperature,
        language=transcription.language if transcription else None,
    )


def habits_of(session: Session) -> Habits:
    """Return how the conversation behaves: the client owns it, so the agent does nothing of its own accord."""
    detection = session.audio.input.turn_detection
    return Habits(
        finds_turns=detection is not None,
        answers=False,
        interruptible=detection is not None and detection.interrupt_response,
        continues=False,
        controls=False,
        speaks=session.speaks,
        speed=session.audio.output.speed,
        endpointing=detection.silence if detection else None,
        eager=False,
        idle_after=None,
        longest_call=LONGEST_SESSION,
    )


def messages_of(items: Iterable[Item]) -> Iterator[Message]:
    """Yield what the brain is told of the items."""
    for item in items:
        match item.kind:
            case "message":
                if item.text:
                    yield Message(cast("Literal['user', 'assistant', 'system']", item.role), item.text)
            case "function_call":
                yield Message("assistant", tools=(ToolRequest(item.call_id, item.name, _arguments(item.arguments)),))
            case "function_call_output":
                yield Message("tool", item.output, call_id=item.call_id)


def _arguments(text: str) -> dict[str, Any]:
    """Return the arguments of a call that a client replays; empty where they are no object."""
    try:
        arguments = read_json(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", arguments) if isinstance(arguments, dict) else {}
