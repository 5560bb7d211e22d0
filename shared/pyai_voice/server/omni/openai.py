"""OpenAI's Realtime events on a conversation: a WebSocket on one side, the conversation on the other.

Above: :mod:`.openai_door`. Below: :class:`~pyai_voice.protocol.realtime.server.RealtimeServer`, the conversation. The
client owns the history: each response is thought from the items as they are when it is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass

from starlette.websockets import WebSocket, WebSocketDisconnect

from ...protocol.hear.wire import Message
from ...protocol.realtime.calls import Answered, CallerAudio, Cancel, Clear, Commit, Configure, RealtimeCall, Respond
from ...protocol.realtime.server import RealtimeServer
from ..brain import Brain
from ..engines.load import Engines
from ..sending import close, send
from .conversation import Conversation
from .facts import (
    AgentAudio,
    AgentWords,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerWords,
    Ended,
    Fact,
    Interrupted,
    ToolWanted,
    Trouble,
    TurnBegan,
    TurnEnded,
)
from .mind import PassageSource
from .openai_sound import SPOKEN_RATE, Encoder, decode
from .openai_words import LONGEST_SESSION, abilities_of, agent_of, habits_of, messages_of
from .record import Recorder

__all__ = ["RealtimeSession", "receive"]

_log = logging.getLogger(__name__)

_GOING_AWAY, _ENGINE_FAILED = 1001, 1011


async def receive(websocket: WebSocket) -> Message:
    """Return the next message. Raises WebSocketDisconnect."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    return message["text"] if message.get("text") is not None else message["bytes"]


@dataclass(slots=True)
class _Answer:
    """The response that is being given."""

    response_id: str
    reply: str
    """Its name in the conversation."""
    encoder: Encoder
    began: bool = False


class RealtimeSession:
    """One open connection."""

    def __init__(
        self,
        websocket: WebSocket,
        engines: Engines,
        brain: Brain,
        recorder: Recorder,
        *,
        model: str,
        beta: bool = False,
        passages: PassageSource | None = None,
    ) -> None:
        """``model`` is echoed; ``passages`` finds passages of a knowledge base for the caller's words."""
        self._websocket = websocket
        self.client: tuple[str, int] = websocket.scope["client"]
        """Its address."""
        self._engines = engines
        self._brain = brain
        self._passages = passages
        self._recorder = recorder
        self._machine = RealtimeServer(secrets.token_hex(4), model, abilities_of(engines), beta=beta)
        self._sending = asyncio.Lock()
        self._made = asyncio.Event()
        self._conversation: Conversation | None = None
        self._answer: _Answer | None = None
        self._functions: dict[str, str] = {}
        """The wire's name of a function call -> the conversation's."""
        self._failed = False
        self._ended = asyncio.Event()

    async def run(self, first: Message | None = None) -> None:
        """Serve until the client closes, the session has lasted too long, or the engines fail.

        ``first`` is a message that has been read already.
        """
        tasks = asyncio.create_task(self._read(first)), asyncio.create_task(self._tell_all())
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except WebSocketDisconnect:  # or it reads nothing and was cut off
            pass
        except Exception:  # noqa: BLE001 - the outermost line of a session
            _log.exception("a Realtime session failed")
            await self._close(_ENGINE_FAILED, "internal_error", "The server failed; see its log")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._conversation is not None:
                await self._conversation.aclose()
            await self._recorder.finish(failed=self._failed)
            self._ended.set()

    async def drain(self) -> None:
        """Let what was handed out be played, then close; returns when that is done."""
        if self._conversation is None:
            await self._close(_GOING_AWAY)
            return
        await self._conversation.finish()
        await self._ended.wait()

    # What the client says

    async def _read(self, first: Message | None) -> None:
        self._machine.open()
        await self._flush()
        while True:
            message = await receive(self._websocket) if first is None else first
            first = None
            await self._obey(self._machine.receive(message))
            await self._flush()

    async def _obey(self, calls: list[RealtimeCall]) -> None:
        for call in calls:
            match call:
                case Configure(session):
                    if self._conversation is not None:
                        self._conversation.configure(agent_of(session), habits_of(session))
                case CallerAudio(audio):
                    await self._talk().feed(decode(audio, self._machine.session.audio.input.format.audio))
                case Commit():
                    await self._talk().commit()
                case Clear():
                    await self._talk().clear()
                case Respond():
                    self._respond(call)
                case Answered(call_id, output):
                    self._talk().answer_tool(self._functions.pop(call_id, ""), output)
                case Cancel():
                    self._answer = None
                    self._talk().interrupt()

    def _talk(self) -> Conversation:
        """Return the conversation, which begins when it is first needed: until then its sound may be changed."""
        if self._conversation is None:
            session = self._machine.session
            self._conversation = Conversation(
                self._engines,
                self._brain,
                agent_of(session),
                caller_rate=session.audio.input.format.audio.rate,
                output_rate=SPOKEN_RATE,
                habits=habits_of(session),
                passages=self._passages,
            )
            self._made.set()
        return self._conversation

    def _respond(self, call: Respond) -> None:
        conversation = self._talk()
        conversation.configure(agent_of(call.session), habits_of(call.session))
        conversation.rewrite(messages_of(call.items))
        reply = conversation.respond()
        self._answer = _Answer(call.response_id, reply, Encoder(call.session.audio.output.format.audio))

    # What happens

    async def _tell_all(self) -> None:
        await self._made.wait()
        async for fact in self._talk():
            self._recorder.note(fact)
            match fact:
                case Ended(reason):
                    return await self._end(reason)
                case CallerSaid():
                    seconds = fact.ended - fact.began
                    await self._obey(self._machine.caller_said(fact.text, seconds, committed=fact.committed))
                case CallerStarted() | CallerStopped() | CallerWords():
                    self._tell_of_caller(fact)
                case Trouble(code, message):
                    self._fail(code, message)
                case _:
                    self._tell_of_agent(fact)
            await self._flush()

    def _tell_of_caller(self, fact: CallerStarted | CallerStopped | CallerWords) -> None:
        match fact:
            case CallerStarted(at=at):
                self._machine.caller_started(at)
                self._drop_unbegun()
            case CallerStopped(at=at):
                self._machine.caller_stopped(at)
            case CallerWords(stable=stable):
                self._machine.caller_words(stable)

    def _drop_unbegun(self) -> None:
        """Give up an answer of which nothing was said when the caller speaks: the conversation says nothing of it."""
        answer, habits = self._answer, habits_of(self._machine.session)
        if answer is not None and not answer.began and habits.interruptible:
            self._answer = None
            self._talk().interrupt()
            self._machine.response_interrupted(answer.response_id, 0.0)

    def _tell_of_agent(self, fact: Fact) -> None:
        answer = self._answer
        if answer is None or getattr(fact, "reply", "") != answer.reply:
            return
        match fact:
            case TurnBegan():
                answer.began = True
            case AgentWords(text=text):
                self._machine.agent_said(answer.response_id, text)
            case AgentAudio(pcm=pcm):
                self._machine.agent_audio(answer.response_id, answer.encoder.feed(pcm))
            case ToolWanted():
                call_id = self._machine.function_wanted(answer.response_id, fact.name, fact.arguments)
                self._functions[call_id] = fact.call_id
            case TurnEnded():
                self._machine.agent_audio(answer.response_id, answer.encoder.feed(b"", last=True))
                self._machine.response_ended(answer.response_id)
                self._answer = None
            case Interrupted(seconds=seconds):
                self._machine.response_interrupted(answer.response_id, seconds)
                self._answer = None
            case _:
                pass  # knowledge and positions have no event of their own here

    def _fail(self, code: str, message: str) -> None:
        """Say that something failed: the response that was being given, or else something without a name."""
        answer, self._answer = self._answer, None
        if answer is None:
            self._machine.error(code, message, server=True)
            return
        self._talk().interrupt()
        self._machine.response_failed(answer.response_id, code, message)

    # The end

    async def _end(self, reason: str) -> None:
        match reason:
            case "time_limit":
                said = f"Your session hit the maximum duration of {LONGEST_SESSION / 60:.0f} minutes."
                await self._close(_GOING_AWAY, "session_expired", said)
            case "engine_failed":
                await self._close(_ENGINE_FAILED)
            case _:
                await self._close(_GOING_AWAY)

    async def _close(self, close_code: int, code: str = "", message: str = "") -> None:
        self._failed = close_code == _ENGINE_FAILED
        if code:
            self._machine.error(code, message, server=True)
        with suppress(WebSocketDisconnect):  # it has gone, or was closed by the other task
            await self._flush()
        await close(self._websocket, close_code, code)

    async def _flush(self) -> None:
        """Send what the machine has to say; one sender at a time keeps the order."""
        async with self._sending:
            for message in self._machine.data_to_send():
                await send(self._websocket, message)
