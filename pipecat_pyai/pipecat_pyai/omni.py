"""Omni as a Pipecat service: a whole agent behind one socket, in the place of recogniser, language model and voice.

    transport.input() -> aggregators.user() -> PyAIOmniLLMService -> transport.output() -> aggregators.assistant()

The call is kept by :class:`~pyai_voice.omni.OmniStream`; what its events mean for a pipeline is decided in
:mod:`._omni_translation`, and the steps are taken in :mod:`._omni_output`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallResultFrame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMMessagesAppendFrame,
    LLMMessagesUpdateFrame,
    LLMServiceMetadataFrame,
    LLMSetToolsFrame,
    LLMUpdateSettingsFrame,
    StartFrame,
    STTMuteFrame,
    UserAudioRawFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.transcriptions.language import Language
from pydantic import SecretStr

from pyai_voice.client import Client
from pyai_voice.errors import PyAIError, RequestError, ServiceError
from pyai_voice.events import Problem
from pyai_voice.omni_events import (
    CallEnded,
    CallerTranscript,
    CallStarted,
    CollectRequested,
    Configured,
    DigitsRequested,
    HangUpRequested,
    HoldRequested,
    IdlePrompt,
    KnowledgeQueried,
    OmniEvent,
    ReplyTruncated,
    ServiceEvent,
    TransferRequested,
)
from pyai_voice.options import LinkOptions

from ._alarm import Alarm
from ._arguments import check_settings
from ._omni_agent import OmniAgent
from ._omni_context import holds_call
from ._words import to_language
from .omni_settings import PyAIOmniSettings
from .turns import user_turn_strategies

__all__ = ["PyAIOmniLLMService"]

_TOOL_TIME = 4.0
"""Seconds for a tool: the service waits about five for its answer."""
_PATIENCE = 3.0
"""Seconds after which words that nobody answers become a turn, and a call that was hung up ends."""
_HOLD = 0.25
"""Seconds in which the complaint before a closed connection proves to be its reason."""
_MISMATCH = "configure_mismatch"
"""Code of an agent that is not as asked for."""
_EVENTS: dict[type[Any], str] = {
    CallStarted: "on_call_started",
    Configured: "on_configured",
    TransferRequested: "on_transfer",
    HoldRequested: "on_hold",
    CollectRequested: "on_collect",
    DigitsRequested: "on_digits",
    HangUpRequested: "on_end_call",
    IdlePrompt: "on_idle_prompt",
    KnowledgeQueried: "on_knowledge",
    ReplyTruncated: "on_reply_truncated",
    ServiceEvent: "on_service_event",
    CallEnded: "on_call_ended",
}
"""Event of the call -> its handlers, which get the service and the event."""


class PyAIOmniLLMService(OmniAgent):
    """Speech to speech with PyAI Omni: it hears the caller, thinks, calls tools and speaks.

    The call begins with the first LLMContextFrame (queue an LLMRunFrame when the caller is there), or shortly after the
    first audio of the caller. The agent is what the settings and the context say: ``system_instruction`` and the
    system and developer messages are its persona, the tools of the context its tools; a later context changes it.
    PyAI decides turns and interruptions, so it recommends turn strategies that obey.

    Events: ``on_connected``, ``on_disconnected``, ``on_connection_error(service, error)``,
    ``on_reconnected(service, seconds)``, and with the core's event as argument ``on_call_started``, ``on_configured``,
    ``on_transfer``, ``on_hold``, ``on_collect``, ``on_digits``, ``on_end_call``, ``on_idle_prompt``, ``on_knowledge``,
    ``on_reply_truncated``, ``on_service_event`` and ``on_call_ended``. Example::

        @omni.event_handler("on_transfer")
        async def transfer(service, request):
            await telephone.transfer(request.destination)
    """

    Settings = PyAIOmniSettings
    _settings: PyAIOmniSettings  # pyright: ignore[reportIncompatibleVariableOverride] - Pipecat's pattern for settings

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        system_instruction: str | None = None,
        voice: str | None = None,
        language: Language | str | None = None,
        greeting: str | None = None,
        tools: Sequence[Any] | None = None,
        kb_token: str | SecretStr | None = None,
        session_label: str | None = None,
        configure: bool = True,
        on_mismatch: Literal["fail", "report"] = "fail",
        ends_pipeline: bool = True,
        link: LinkOptions | None = None,
        insecure: bool = False,
        client: Client | None = None,
        settings: PyAIOmniSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare the service; it connects when the call begins.

        Args:
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            system_instruction: Who the agent is and what it does; ``settings`` goes before it, as before the next five.
            voice: Voice id; None takes PyAI's default.
            language: Language or code.
            greeting: What the agent says first; empty: it waits for the caller.
            tools: Tools to offer where the context has none: functions or schemas with handlers.
            kb_token: The bearer that PyAI shows to ``kb_endpoint`` of the settings.
            session_label: Your own tag of the call; the id of an agent profile loads that profile.
            configure: False: the profile that ``session_label`` names has everything; instructions are not sent.
            on_mismatch: When PyAI's agent is not as asked for: end the call with an error, or only report it.
            ends_pipeline: Whether the pipeline ends, after what waits to be played, when PyAI hangs up.
            link: How patient the connection is.
            insecure: Allow http to a machine that is not this one.
            client: In the place of ``api_key`` and ``base_url``: where it calls.
            settings: What can also be changed later, with ``LLMUpdateSettingsFrame``.
            **kwargs: For LLMService.

        Raises:
            ConfigurationError: A ValueError: the key is missing, or an option is wrong.
            UnsupportedError: The client's provider has no Omni.
        """
        check_settings("PyAIOmniLLMService", settings, PyAIOmniSettings, kwargs)
        endpoint = Client.for_host(client, api_key, base_url, insecure=insecure).endpoint
        endpoint.provider.require("omni")
        own = {"system_instruction": system_instruction, "voice": voice, "language": language, "greeting": greeting}
        complete = PyAIOmniSettings.complete(settings, model="pyai-omni", session_label=session_label, **own)
        fixed = {
            "kb_token": SecretStr(kb_token) if isinstance(kb_token, str) else kb_token,
            "configure": configure,
            "on_mismatch": on_mismatch,
        }
        super().__init__(
            endpoint=endpoint,
            link=link,
            ends_pipeline=ends_pipeline,
            settings=complete,
            tools=list(tools or ()),
            fixed=fixed,
            **{"enable_direct_mode": True, "function_call_timeout_secs": _TOOL_TIME, **kwargs},
        )
        self._patience = Alarm(self)
        self._complaining = Alarm(self)
        self._complaint: PyAIError | None = None
        for name in ("on_connected", "on_disconnected", "on_connection_error", *_EVENTS.values()):
            self._register_event_handler(name)

    def can_generate_metrics(self) -> bool:
        """Tell Pipecat that there are metrics: TTFB, processing, and the session's seconds."""
        return True

    @property
    def accepts_intermediate_function_call_results(self) -> bool:
        """False: Omni takes one answer to a tool call."""
        return False

    def service_metadata_frame(self) -> LLMServiceMetadataFrame:
        """Recommend strategies that obey PyAI's turns and leave interruptions to it.

        Not flagged as a realtime service: the aggregators would then write the caller's words after the tool calls that
        they caused.
        """
        strategies = user_turn_strategies(enable_interruptions=False)
        return LLMServiceMetadataFrame(service_name=self.name, user_turn_strategies=strategies)

    # Life

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Choose the rates of the call: the pipeline's, so that nothing is resampled twice."""
        await super().setup(setup)
        self._rate, output = setup.audio_in_sample_rate, setup.audio_out_sample_rate
        telephone = self._rate == 8000 and output == 8000
        wire = self._rate if telephone or self._rate in (16000, 24000) else 16000
        self._fixed |= {"rate": wire, "input_rate": self._rate, "output_rate": output}
        self._agent(self._settings)

    async def start(self, frame: StartFrame) -> None:
        """Know the handlers of the service's own tools: a call may begin without a context."""
        await super().start(frame)
        self._sync_registered_tool_handlers(None)  # Pipecat before 1.13 waits for a context

    async def stop(self, frame: EndFrame) -> None:
        """End what is open, then hang up."""
        await self._take(self._translation.close())
        await super().stop(frame)

    async def _close(self) -> None:
        for alarm in (self._beginning, self._patience, self._complaining):
            await alarm.clear()
        if self._reopening:
            await self.cancel_task(self._reopening)
        await self._close_stream()
        await self._complain()
        await self._end_span()

    # Frames in

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the caller's audio and keys, the context, and what others decide; pass the rest on."""
        await super().process_frame(frame, direction)
        match frame:
            case InputAudioRawFrame():
                await self._hear(frame)
            case LLMContextFrame(context=context):
                await self._take_context(context)
                return
            case LLMMessagesAppendFrame() | LLMMessagesUpdateFrame():
                await self._take_messages(frame)
                return
            case LLMSetToolsFrame(tools=tools):
                await self._take_tools(tools)
            case LLMUpdateSettingsFrame():
                return  # LLMService has passed it on where it is for another
            case _:
                self._heed(frame)
        await self.push_frame(frame, direction)

    def _heed(self, frame: Frame) -> None:
        stream = self._stream
        match frame:
            case InterruptionFrame():
                self._interruptions += 1
                if stream:
                    stream.interrupt()
            case InputDTMFFrame(button=button):
                self._press(button.value)
            case STTMuteFrame(mute=mute):
                self._mute(mute)
            case UserMuteStartedFrame() | UserMuteStoppedFrame():
                self._mute(isinstance(frame, UserMuteStartedFrame))
            case _:
                pass

    def _mute(self, on: bool) -> None:
        self._muted = on
        self._early.clear()
        if self._stream:
            self._stream.mute(on)

    async def _hear(self, frame: InputAudioRawFrame) -> None:
        if isinstance(frame, UserAudioRawFrame):
            self._user_id = frame.user_id
        if not await self._takes(frame):
            return
        if self._stream:
            self._send(frame.audio)
            return
        await self._keep_early(frame)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Tell the agent, as well as the pipeline, how a tool call has ended."""
        if direction is FrameDirection.DOWNSTREAM:
            if isinstance(frame, FunctionCallResultFrame | FunctionCallCancelFrame):
                self._answer(frame)
            if isinstance(frame, FunctionCallCancelFrame):
                frame = self._in_order(frame)
        await super().push_frame(frame, direction)

    def _in_order(self, frame: FunctionCallCancelFrame) -> FunctionCallCancelFrame | FunctionCallResultFrame:
        """Return what settles a cancelled call: its beginning may still wait behind sound that is being played.

        The frame that says cancelled would overtake it, and the call would be in progress for ever.
        """
        if self._context is None or holds_call(self._context.messages, frame.tool_call_id):
            return frame
        return FunctionCallResultFrame(frame.function_name, frame.tool_call_id, {}, "CANCELLED", run_llm=False)

    def _answer(self, frame: FunctionCallResultFrame | FunctionCallCancelFrame) -> None:
        properties = frame.properties if isinstance(frame, FunctionCallResultFrame) else None
        if properties is not None and not properties.is_final:
            return
        self._unanswered.pop(frame.tool_call_id, None)
        call_id = self._wire_id(frame.tool_call_id)
        if self._stream is None or call_id is None:
            return
        match frame:
            case FunctionCallCancelFrame(run_llm=timed_out):
                self._stream.fail(call_id, "the tool did not answer in time" if timed_out else "the call was cancelled")
            case FunctionCallResultFrame(error=str()):
                self._stream.fail(call_id, str(frame.result))
            case _:
                self._stream.answer(call_id, frame.result)

    # Events of the call

    def _language(self) -> Language | None:
        return to_language(self._settings.options()["language"])

    async def _report(self, event: OmniEvent) -> None:
        await self._measure(event)
        await self._take(self._translation.receive(event))
        if isinstance(event, CallerTranscript | HangUpRequested):
            await self._patience.set(_PATIENCE, self._lose_patience)
        elif not self._translation.waiting:
            await self._patience.clear()
        await self._announce(event)

    async def _announce(self, event: OmniEvent) -> None:
        if isinstance(event, Problem) and isinstance(event.error, ServiceError):
            await self._hold(event.error)
            return
        if isinstance(event, DigitsRequested):
            await self._press_digits(event.digits)
        if name := _EVENTS.get(type(event)):
            await self._call_event_handler(name, event)
        await self._report_connection(event)

    async def _hold(self, error: ServiceError) -> None:
        """Wait a moment with what the service complains of: if it hangs up now, that was why."""
        await self._complain()
        self._complaint = error
        await self._complaining.set(_HOLD, self._complain)

    async def _complain(self) -> None:
        """Report the complaint that waits."""
        error, self._complaint = self._complaint, None
        if error:
            await self._report_connection(Problem(error))

    async def _report_failure(self, error: PyAIError) -> None:
        complaint = self._complaint
        if complaint is not None and error.code == _MISMATCH:  # why it is not as asked for
            error = RequestError(
                f"{error.message}: {complaint.message}", code=_MISMATCH, hint=complaint.hint or error.hint
            )
        if complaint is not None and (
            error is complaint or error.code == _MISMATCH
        ):  # said once, as what ended the call
            self._complaint = None
        await self._complain()
        await super()._report_failure(error)

    async def _report_end_of_stream(self) -> None:
        await self._take(self._translation.close())
        self._meter.stop(asyncio.get_running_loop().time())
        await self._report_usage()
        await self._end_span()

    async def _lose_patience(self) -> None:
        if self._translation.waiting:
            logger.debug(f"{self}: nobody answered the caller for {_PATIENCE} s, or said goodbye")
        await self._take(self._translation.lose_patience())
