"""LiveKit's function tools for Omni: what they are called, and their results as soon as they are there.

Above: :mod:`.session`. LiveKit gives a realtime model the results of tools only when everything that the agent was
saying has been played, which may be later than the five seconds that Omni waits. So they are also read where LiveKit
writes them first: in the speech that called the tool, when the AgentSession tells that it has ended.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from livekit.agents import (
    AgentSession,
    SpeechCreatedEvent,
    ToolCallEnded,
    ToolCallStarted,
    ToolCallUpdated,
    ToolExecutionUpdatedEvent,
    llm,
)
from livekit.agents.voice import SpeechHandle

from pyai_voice.omni_options import Tool

from .._listen import listen
from ..log import logger
from .timer import Timer

__all__ = ["ToolDesk", "described"]

_AGAIN = 0.01
"""Seconds after which a result is looked for again: LiveKit writes it down just after it tells of it."""
_LOOKS = 5
_SPEECHES = 16
"""Speeches that may still call tools."""


def described(tools: Sequence[llm.Tool]) -> list[Tool]:
    """Return LiveKit's tools as Omni takes them. Raises ConfigurationError for what Omni does not take."""
    context = llm.ToolContext(list(tools))
    for name in sorted({type(tool).__name__ for tool in context.provider_tools}):
        logger.warning("Omni has no place for a %s; it is left out", name)
    schemas = [schema["function"] for schema in context.parse_function_tools("openai", strict=False)]
    return [_described(schema) for schema in schemas]


def _described(schema: dict[str, Any]) -> Tool:
    parameters: dict[str, Any] = schema.get("parameters") or {"type": "object", "properties": {}}
    return Tool(name=schema["name"], description=schema.get("description") or "", parameters=parameters)


class ToolDesk:
    """Holds the calls that wait, and answers each at most once with the first result that it sees.

    ``answer`` and ``fail`` pass a result on; they say nothing where the call is answered already.
    """

    def __init__(self, answer: Callable[[str, object], None], fail: Callable[[str, str], None]) -> None:
        self._answer = answer
        self._fail = fail
        self._waiting: dict[str, int] = {}
        """Calls without an answer, and how often their result is still to be looked for."""
        self._started: set[str] = set()
        """Those of them that LiveKit runs."""
        self._speeches: deque[SpeechHandle] = deque(maxlen=_SPEECHES)
        self._said: SpeechHandle | None = None
        self._again = Timer(self._look)
        self._silence: list[Callable[[], None]] = []

    @property
    def waiting(self) -> tuple[str, ...]:
        """Calls without an answer."""
        return tuple(self._waiting)

    @property
    def saying(self) -> bool:
        """Whether the session's own voice says something; the service does not know of it."""
        return self._said is not None and not self._said.done()

    def follow(self, session: AgentSession[Any]) -> None:
        """Read results from this session from now on, and from no other."""
        self.unfollow()
        self._silence = [
            listen(session, "speech_created", self._speech),
            listen(session, "tool_execution_updated", self._updated),
        ]

    def unfollow(self) -> None:
        """Read results from no session."""
        while self._silence:
            self._silence.pop()()

    def expect(self, call_id: str) -> None:
        """Wait for the result of a call."""
        self._waiting[call_id] = 0

    def forget(self, call_id: str) -> None:
        """The call needs no answer any more."""
        self._waiting.pop(call_id, None)
        self._started.discard(call_id)

    def give_up(self) -> None:
        """Fail the calls that LiveKit will not run any more, because the speech they came in was interrupted."""
        if not self._silence:
            return
        for call_id in [each for each in self._waiting if each not in self._started]:
            self.forget(call_id)
            self._fail(call_id, "the caller interrupted before the tool could run")

    def take(self, items: Iterable[llm.ChatItem]) -> None:
        """Answer the calls whose results are among these."""
        for item in items:
            if isinstance(item, llm.FunctionCallOutput) and item.call_id in self._waiting:
                self.forget(item.call_id)
                if item.is_error:
                    self._fail(item.call_id, item.output)
                else:
                    self._answer(item.call_id, _value(item.output))

    def close(self) -> None:
        """Answer nothing more."""
        self.unfollow()
        self._again.stop()
        self._waiting.clear()
        self._started.clear()
        self._speeches.clear()

    def _speech(self, event: SpeechCreatedEvent) -> None:
        self._speeches.append(event.speech_handle)
        if event.source == "say":
            self._said = event.speech_handle

    def _updated(self, event: ToolExecutionUpdatedEvent) -> None:
        update = event.update
        if isinstance(update, ToolCallStarted) and update.function_call.call_id in self._waiting:
            self._started.add(update.function_call.call_id)
        if isinstance(update, ToolCallEnded | ToolCallUpdated) and update.call_id in self._waiting:
            self._waiting[update.call_id] = _LOOKS
            self._again.start(0.0)

    def _look(self) -> None:
        for speech in self._speeches:
            self.take(speech.chat_items)
        self._waiting = {call_id: max(0, looks - 1) for call_id, looks in self._waiting.items()}
        if any(self._waiting.values()):
            self._again.start(_AGAIN)


def _value(output: str) -> object:
    """Return what a tool said: JSON where it wrote an object or an array, else its text."""
    if output[:1] in ("{", "["):
        try:
            return cast("object", json.loads(output))
        except ValueError:
            pass
    return output
