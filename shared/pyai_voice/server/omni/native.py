"""Omni on PyAI's own wire: ``/v1/omni``; a WebSocket on one side, a conversation on the other, the machine between.

Above: the application. Below: :class:`~pyai_voice.protocol.omni.server.OmniServer`, the conversation, the record.
Source: protocol of PyAI, "Omni native".
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ...omni_options import OmniOptions
from ...protocol.hear.wire import Message
from ...protocol.omni.request import OmniRequest
from ...protocol.omni.server import CallerAudio, Configure, Dialect, Digits, HangUp, OmniCall, OmniServer, ToolAnswered
from ..engines import Synthesizer
from ..sending import close, send
from .conversation import Conversation
from .deltas import Deltas
from .facts import (
    AgentAudio,
    AgentWords,
    AudioPosition,
    CallControl,
    CallerSaid,
    CallerWords,
    Ended,
    Fact,
    IdlePrompted,
    Interrupted,
    KnowledgeQueried,
    ToolWanted,
    Trouble,
    TurnBegan,
)
from .record import Recorder

__all__ = ["OmniSession"]

_log = logging.getLogger(__name__)

_NORMAL, _ENGINE_FAILED, _RESTARTING = 1000, 1011, 1012
_TICK = 0.1
"""Seconds between two looks for tools that were not answered."""
_PROFILE_PATIENCE = 0.3
"""Seconds that an agent profile waits for a ``configure`` before it greets."""
_LANGUAGE = "en"
_RESERVED = frozenset({"event", "type", "name", "self"})


class OmniSession:
    """One open call."""

    def __init__(
        self,
        websocket: WebSocket,
        request: OmniRequest,
        conversation: Conversation,
        synthesizer: Synthesizer,
        recorder: Recorder,
        call_id: str,
        *,
        profile: bool = False,
        own_knowledge: bool = False,
        dialect: Dialect | None = None,
    ) -> None:
        """``profile``: the conversation's agent is complete, and greets although nobody configures it."""
        self._websocket = websocket
        self.client: tuple[str, int] = websocket.scope["client"]
        """Its address."""
        self._machine = OmniServer(request, call_id, dialect=dialect)
        self._machine.agent = conversation.agent
        self._conversation = conversation
        self._synthesizer = synthesizer
        self._recorder = recorder
        self._profile = profile
        self._own_knowledge = own_knowledge
        self._deltas = Deltas()
        self._calls: dict[str, str] = {}
        """The wire's name of a tool call -> the conversation's."""
        self._greeted = False
        self._sending = asyncio.Lock()
        self._ended = asyncio.Event()
        self._failed = False

    async def run(self) -> None:
        """Serve the call until either side ends it, the engines fail, or :meth:`drain` is called."""
        self._machine.open()
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write(), self._tick())]
        try:
            await self._flush()
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except WebSocketDisconnect:  # or it reads nothing and was cut off
            pass
        except Exception:  # noqa: BLE001 - the outermost line of a call
            _log.exception("an Omni call failed")
            await self._fail()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._conversation.aclose()
            await self._recorder.finish(failed=self._failed)
            self._ended.set()

    async def drain(self) -> None:
        """Let the words that are on their way be heard, then close, so that the client calls again."""
        await self._conversation.finish()
        await self._ended.wait()

    async def _fail(self) -> None:
        self._failed = True
        self._machine.error("internal_error", "The call failed; see the server's log")
        with suppress(WebSocketDisconnect):
            await self._flush()
        await close(self._websocket, _ENGINE_FAILED, "internal_error")

    # The client

    async def _read(self) -> None:
        while (message := await self._receive()) is not None:
            for call in self._machine.receive(message, _now()):
                if isinstance(call, HangUp):
                    await self._flush()
                    await close(self._websocket, _NORMAL)
                    return
                await self._obey(call)
            await self._flush()

    async def _receive(self) -> Message | None:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message["text"] if message.get("text") is not None else message["bytes"]

    async def _tick(self) -> None:
        began = _now()
        while True:
            await asyncio.sleep(_TICK)
            for call in self._machine.tick(_now()):
                await self._obey(call)
            if self._profile and _now() - began >= _PROFILE_PATIENCE:
                self._greet()

    async def _obey(self, call: OmniCall) -> None:
        match call:
            case CallerAudio(pcm):
                await self._conversation.feed(pcm)
            case Configure(agent):
                await self._configure(agent)
            case Digits(digits):
                self._conversation.press(digits)
            case ToolAnswered(call_id, result=result, error=error):
                self._conversation.answer_tool(self._calls.pop(call_id, ""), result, error)
            case HangUp():
                pass

    async def _configure(self, agent: OmniOptions) -> None:
        voice = agent.voice or self._synthesizer.voices[0].voice_id
        if self._synthesizer.find(voice) is None:
            self._machine.error("unknown_voice", f"there is no voice {voice[:60]!r}; list them with GET /v1/voices")
            voice = self._synthesizer.voices[0].voice_id
            self._machine.agent = agent = agent.replace(voice=None)
        self._conversation.configure(agent.replace(language=_LANGUAGE))  # the engines know no other one
        self._machine.confirm(
            voice=voice,
            language=_LANGUAGE,
            greeting=bool(agent.greeting),
            knowledge=bool(agent.kb_endpoint) or self._own_knowledge,
            tools=len(agent.tools),
            voice_tier="local",
        )
        self._greet()
        await self._recorder.set(voice_id=voice, language=_LANGUAGE)

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            self._conversation.greet()

    # The agent

    async def _write(self) -> None:
        """Send what happens; ends when the conversation does."""
        async for fact in self._conversation:
            self._recorder.note(fact)
            if isinstance(fact, Ended):
                await self._end(fact)
                return
            self._tell(fact)
            await self._flush()

    async def _end(self, fact: Ended) -> None:
        self._failed = fact.reason == "engine_failed"
        code = {"engine_failed": _ENGINE_FAILED, "closed": _RESTARTING}.get(fact.reason, _NORMAL)
        if code == _NORMAL:
            self._machine.end()
        await self._flush()
        await close(self._websocket, code, fact.reason)

    def _tell(self, fact: Fact) -> None:
        machine = self._machine
        match fact:
            case AgentAudio(pcm=pcm):
                machine.audio(pcm)
            case AgentWords(text=text):
                machine.agent_said(text.strip())
            case CallerWords(reading=reading, at=at):
                machine.caller_said(self._deltas.partial(reading, at))
            case CallerSaid(text=text):
                machine.caller_said(self._deltas.final(text), final=True)
            case TurnBegan(waited=waited):
                self._deltas.turn()
                machine.turn_begin(waited)
            case Interrupted(spoken=spoken):
                machine.interrupt("energy", spoken)
            case _:
                self._tell_more(fact)

    def _tell_more(self, fact: Fact) -> None:
        machine = self._machine
        match fact:
            case AudioPosition(sent=sent, realtime=realtime):
                machine.audio_position(sent, realtime)
            case ToolWanted():
                self._calls[machine.tool_call(fact.name, fact.arguments, _now())] = fact.call_id
            case CallControl(name=name, fields=fields):
                machine.call_control(name, **_safe(fields))
            case KnowledgeQueried(ids=ids, reason=reason):
                machine.knowledge_queried(list(ids), reason)
            case IdlePrompted():
                machine.idle_prompt()
            case Trouble(code, message):
                machine.error(code, message)
            case _:
                pass

    async def _flush(self) -> None:
        """Send what the machine has to say; one sender at a time keeps the order."""
        async with self._sending:
            for message in self._machine.data_to_send():
                await send(self._websocket, message)


def _safe(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a model's arguments without what would be taken for the message's own key."""
    return {name: value for name, value in fields.items() if name not in _RESERVED}


def _now() -> float:
    return asyncio.get_running_loop().time()
