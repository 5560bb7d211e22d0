"""One Omni call in LiveKit: what an AgentSession asks of a realtime model's session.

Above: LiveKit's AgentSession, and :class:`~.model.RealtimeModel`, which opens it. Below:
:class:`pyai_voice.OmniStream`, which owns the connection. A session is a call: other instructions, tools and
conversations change the agent of the call that runs, they do not dial another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession, APIError, NotGivenOr, llm, utils

from pyai_voice.errors import ConfigurationError, ConnectivityError, PyAIError
from pyai_voice.events import AudioLost, Connected, Disconnected, Problem
from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import (
    CallEnded,
    CallerTranscript,
    HangUpRequested,
    Interrupted,
    OmniEvent,
    ReplyStarted,
    ToolCallClosed,
    ToolCalled,
)
from pyai_voice.protocol.omni.wire import touch_tones

from .._session import session_of
from .._sound import MonoInput
from .._words import to_api_error
from ..log import logger
from .agent import AgentDescription
from .floor import Floor
from .generation import Generation
from .notices import OmniNotice, notice_of
from .timer import Timer
from .tools import ToolDesk
from .usage import CallMeter

if TYPE_CHECKING:
    from .model import RealtimeModel

__all__ = ["RealtimeSession"]

_PATIENCE = 1.0
"""Seconds to wait for instructions and tools before the call is dialled without them."""
_TOGETHER = 0.05
"""Seconds in which changes of the agent are sent as one."""
_GREETING = 10.0
"""Seconds in which the greeting that a program asked for must come."""
_STEPS = 12
"""Steps of the event loop that LiveKit needs to stop what plays: its own ``interrupt()`` comes some steps later, and
must not meet the next reply."""


class RealtimeSession(llm.RealtimeSession[OmniNotice]):
    """A call. It is dialled when LiveKit has told the agent's instructions and tools.

    Emits, besides LiveKit's own events, those of :data:`~.notices.OmniNotice`.
    """

    def __init__(self, model: RealtimeModel) -> None:
        super().__init__(model)
        self._model = model
        self._name = utils.shortuuid("omni_")
        self._agent = AgentDescription(model.options, self._name)
        self._known = asyncio.Event()
        self._floor = Floor(self._name, self.emit, self._over, self._audible, early=lambda: self._follows is not None)
        self._desk = ToolDesk(self._answer, self._fail)
        self._meter = CallMeter(model.label, model.model, model.provider)
        self._sound = MonoInput(model.options.rate)
        self._stream: OmniStream | None = None
        self._follows: AgentSession[Any] | None = None
        self._pressed = ""
        self._tool_choice: llm.ToolChoice | None = None
        self._replied = False
        self._hanging_up = False
        self._closed = False
        self._change = Timer(self._change_agent)
        self._greeting = Timer(self._no_greeting)
        self._task = asyncio.create_task(self._run(), name="pyai-omni-session")

    # What LiveKit tells

    @property
    def chat_ctx(self) -> llm.ChatContext:
        """The conversation: what LiveKit gave, and what was said since."""
        return self._agent.chat.copy()

    @property
    def tools(self) -> llm.ToolContext:
        """The agent's function tools."""
        return llm.ToolContext(list(self._agent.tools or ()))

    async def update_instructions(self, instructions: str) -> None:
        """Tell the agent who it is. Raises RealtimeError in a call that runs if the service does not take it."""
        before, self._agent.instructions = self._agent.instructions, str(instructions)
        self._changed(lambda: setattr(self._agent, "instructions", before))

    async def update_tools(self, tools: list[llm.Tool]) -> None:
        """Tell the agent its tools. Raises RealtimeError in a call that runs if the service does not take them."""
        before, self._agent.tools = self._agent.tools, list(tools)
        self._changed(lambda: setattr(self._agent, "tools", before))

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        """Answer tool calls with the results in it; tell the agent, in its persona, what this call has not heard.

        What the service remembers of the call itself cannot be changed.
        """
        self._agent.chat = chat_ctx.copy()
        self._desk.take(chat_ctx.items)
        self._changed(_nothing)

    def update_options(self, *, tool_choice: NotGivenOr[llm.ToolChoice | None] = NOT_GIVEN) -> None:
        """With ``none`` refuse tool calls from now on; Omni knows no other choice than its own."""
        if not utils.is_given(tool_choice):
            return
        self._tool_choice = tool_choice
        if tool_choice not in (None, "auto", "none"):
            logger.warning("Omni chooses its tools itself; tool_choice is not passed on")

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        """Take the caller's audio, of any rate and number of channels; before the call is dialled it is dropped."""
        pcm = self._sound.feed(frame)
        if self._stream is not None and not self._stream.closed:
            self._stream.send_audio(pcm)

    def push_video(self, frame: rtc.VideoFrame) -> None:
        """Do nothing: Omni does not see."""

    def commit_audio(self) -> None:
        """Do nothing: Omni decides itself when the caller has finished."""

    def clear_audio(self) -> None:
        """Do nothing: what was sent has been heard."""

    def truncate(self, **_: Any) -> None:
        """Do nothing: the service knows what it has sent."""

    def press(self, digits: str) -> None:
        """Send touch tones of the caller; the last 64 wait for the call. Raises ConfigurationError for other digits."""
        if self._stream is not None:
            self._stream.press(digits)
        else:
            self._pressed = (self._pressed + touch_tones(digits))[-64:]

    # What LiveKit wants

    def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        tools: NotGivenOr[list[llm.Tool]] = NOT_GIVEN,
    ) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Return the agent's greeting, as long as it has not begun; Omni's wire has no request for any other reply.

        Else, and if no greeting comes within ten seconds, the future fails with a RealtimeError.
        """
        greets = bool(self._model.options.greeting) and not self._replied and not self._closed
        if not greets or self._floor.expecting:
            return _refused("Omni speaks when it is its turn: it cannot be asked for a reply (set greeting=)")
        if utils.is_given(instructions):
            logger.warning("Omni greets in the words of greeting=; the instructions of this reply are not passed on")
        self._greeting.start(_GREETING)
        return self._floor.expect()

    def interrupt(self) -> None:
        """Drop what the agent is saying; without effect when it says nothing, as after the caller's interruption."""
        if self._floor.cut() and self._stream is not None and not self._stream.closed:
            self._stream.interrupt()

    def on(self, event: Any, callback: Any = None) -> Callable[..., Any]:
        """Call ``callback`` on each event. LiveKit's own callback shows which AgentSession this call belongs to."""
        session = session_of(callback)
        if event == "generation_created" and session is not None:
            self.follow(session)
        return super().on(event, callback)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - LiveKit

    def follow(self, session: AgentSession[Any]) -> None:
        """Read the results of tools from this session as soon as they are there."""
        self._follows = session
        self._desk.follow(session)
        self._model.note(session, self)

    async def aclose(self) -> None:
        """Hang up, within about three seconds; idempotent."""
        if not self._closed:
            self._closed = True
            self._change.stop()
            self._greeting.stop()
            self._floor.close()
            self._desk.close()
        if self._stream is not None:
            await self._stream.aclose()
        await utils.aio.cancel_and_wait(self._task)
        self._meter.lost()
        self._report(self._meter.rest())

    # The call

    async def _run(self) -> None:
        failure = await self._converse()
        self._floor.close()
        self._desk.close()
        self._meter.lost()
        if failure is not None and not self._closed:
            self._closed = True
            self._complain(failure, recoverable=False)

    async def _converse(self) -> APIError | None:
        """Dial and tell what happens to the end; return why it failed."""
        await self._wait_for_agent()
        try:
            self._stream = self._model.client.omni(self._agent.options(), link=self._model.link)
            self._stream.start()
            if self._pressed:
                self._stream.press(self._pressed)
            async for event in self._stream:
                await self._take(event)
        except PyAIError as error:
            return to_api_error(error, retryable=False)
        except Exception as error:  # noqa: BLE001 - the outermost line of the task: LiveKit is told by an event only
            logger.error("The Omni session failed unexpectedly", exc_info=error)
            return APIError(f"The Omni session failed unexpectedly ({type(error).__name__})", retryable=False)
        return None

    async def _wait_for_agent(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._known.wait()
        except TimeoutError:
            logger.debug("The Omni call is dialled without instructions or tools")

    async def _take(self, event: OmniEvent) -> None:
        if self._closed:
            return
        self._remember(event)
        match event:
            case ToolCalled():
                self._called(event)
            case ToolCallClosed(call_id=call_id, reason=reason):
                self._desk.forget(call_id)
                self._floor.answered(call_id)
                logger.warning("A tool call of Omni ended without LiveKit's result: %s", reason)
            case Connected() | Disconnected() | Problem() | AudioLost():
                self._line(event)
            case _:
                self._floor.take(event)
        if name := notice_of(event):
            self.emit(name, event)
            self._model.emit(name, event)
        if isinstance(event, Interrupted):
            await _steps()
            self._desk.give_up()
        if isinstance(event, CallEnded):
            self._ended(event)

    def _remember(self, event: OmniEvent) -> None:
        match event:
            case ReplyStarted():
                self._replied = True
                self._greeting.stop()
            case HangUpRequested():
                self._hanging_up = True
            case CallerTranscript(text=text, utterance=utterance, final=True):
                self._note_message(f"{self._name}_{utterance}", "user", text)
            case _:
                pass

    def _note_message(self, name: str, role: llm.ChatRole, text: str) -> None:
        self._agent.chat.items[:] = [item for item in self._agent.chat.items if item.id != name]
        self._agent.chat.items.append(llm.ChatMessage(id=name, role=role, content=[text]))

    def _line(self, event: Connected | Disconnected | Problem | AudioLost) -> None:
        match event:
            case Connected(connection=count, took=took):
                self._meter.connected()
                self._report_connection_acquired(took)
                if count > 1:
                    logger.info("The Omni call was lost; this is a new one, which was told what was said")
                    self.emit("session_reconnected", llm.RealtimeSessionReconnectedEvent())
            case Disconnected(error=error):
                self._meter.lost()
                self._complain(to_api_error(error), recoverable=True)
            case Problem(error=error):
                self._complain(to_api_error(error), recoverable=True)
            case AudioLost(seconds=seconds):
                lost = ConnectivityError(f"{seconds:.1f} s of the caller's audio could not be sent and are lost")
                self._complain(to_api_error(lost), recoverable=True)

    def _ended(self, event: CallEnded) -> None:
        """Have LiveKit end its session: nobody would answer the caller any more."""
        if event.reason == "client":
            return
        if self._hanging_up and self._follows is not None:
            self._follows.shutdown(drain=True)
        elif not self._hanging_up:
            self._closed = True
            ended = ConnectivityError("The service has ended the call", code="call_ended")
            self._complain(to_api_error(ended, retryable=False), recoverable=False)

    def _complain(self, error: APIError, *, recoverable: bool) -> None:
        """Tell the application; at an error that is not recoverable LiveKit closes its session."""
        logger.warning("Omni %s: %s", "goes on after" if recoverable else "cannot go on", error)
        label = self._model.label
        self.emit(
            "error", llm.RealtimeModelError(timestamp=time.time(), label=label, error=error, recoverable=recoverable)
        )

    # The agent

    def _changed(self, undo: Callable[[], None]) -> None:
        """Have a change of the agent sent soon; undo it if the service would not take it."""
        if self._stream is None:
            if self._agent.complete:
                self._known.set()
            return
        try:
            options = self._agent.options()
        except ConfigurationError as error:
            undo()
            refusal = llm.RealtimeError(str(error), code=error.code)
        else:
            if self._model.options.configure or options == self._stream.options:
                self._change.start(_TOGETHER)
                return
            undo()
            refusal = llm.RealtimeError("An agent profile is used as it is; open the model without configure=False")
        raise refusal

    def _change_agent(self) -> None:
        """Send the agent as it is now. It does not greet again."""
        if self._stream is None or self._stream.closed:
            return
        options, before = self._agent.options(), self._stream.options
        if (options.persona, options.tools) == (before.persona, before.tools):
            return
        greeting = "" if self._replied and options.greeting else options.greeting
        self._stream.update(persona=options.persona, tools=options.tools, greeting=greeting)

    # Tools

    def _called(self, called: ToolCalled) -> None:
        if self._tool_choice == "none":
            self._fail(called.call_id, "no tool may be called now")
            return
        self._desk.expect(called.call_id)
        self._agent.chat.items.append(self._floor.call(called))

    def _answer(self, call_id: str, result: object) -> None:
        self._floor.answered(call_id)
        if self._stream is not None:
            self._stream.answer(call_id, result)

    def _fail(self, call_id: str, error: str) -> None:
        self._floor.answered(call_id)
        if self._stream is not None:
            self._stream.fail(call_id, error)

    # Replies

    def _over(self, generation: Generation) -> None:
        if generation.text:
            self._note_message(generation.name, "assistant", generation.text)
        self._report(self._meter.of(generation))

    def _report(self, report: Any) -> None:
        if report is not None:
            self.emit("metrics_collected", report)

    def _audible(self) -> bool:
        speaking = self._follows is not None and self._follows.agent_state == "speaking"
        return speaking and not self._desk.saying  # that only the caller's words can interrupt

    def _no_greeting(self) -> None:
        self._floor.refuse(llm.RealtimeError("Omni did not greet in time", code="timeout"))


def _nothing() -> None:
    """Undo nothing."""


def _refused(said: str) -> asyncio.Future[llm.GenerationCreatedEvent]:
    future: asyncio.Future[llm.GenerationCreatedEvent] = asyncio.get_running_loop().create_future()
    future.set_exception(llm.RealtimeError(said, code="unsupported"))
    future.exception()  # whoever asked may not look
    return future


async def _steps() -> None:
    for _ in range(_STEPS):
        await asyncio.sleep(0)
