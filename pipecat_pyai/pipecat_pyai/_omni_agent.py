"""Who an Omni agent is and when its call begins: made of the service's settings and of Pipecat's context.

Above: :mod:`pipecat_pyai.omni`. What changes is told to the agent; what Omni cannot be told is reported once.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames.frames import InputAudioRawFrame, LLMMessagesAppendFrame, LLMMessagesUpdateFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.settings import LLMSettings
from pipecat.utils.errors import ErrorCategory

from pyai_voice.errors import ConfigurationError
from pyai_voice.omni import OmniStream
from pyai_voice.omni_options import OmniOptions

from ._alarm import Alarm
from ._connection import Connection
from ._omni_context import history, instructions, persona, read_tools, tools_of, typed_words
from ._omni_output import OmniOutput
from .omni_settings import PyAIOmniSettings

__all__ = ["OmniAgent"]

_CONTEXT_WAIT = 0.3
"""Seconds that the call, when the caller is heard already, waits for the context with the agent's tools."""
_EARLY = 2.0
"""Seconds of the caller's audio that are kept until the call begins."""
_EARLY_KEYS = 64
"""The same in keys."""
_OF_THE_CONNECTION = frozenset({"session_label"})
_CHANGEABLE = OmniOptions.model_fields.keys() - _OF_THE_CONNECTION


class OmniAgent(Connection[OmniStream], OmniOutput):
    """Mixin. ``fixed`` are the options that no setting changes; the rates of the call are added in ``setup``."""

    _meanwhile = "a new call is told what was said"
    _settings: PyAIOmniSettings  # pyright: ignore[reportIncompatibleVariableOverride] - Pipecat's pattern for settings

    def __init__(self, *, settings: PyAIOmniSettings, tools: list[Any], fixed: dict[str, Any], **kwargs: Any) -> None:
        self._fixed = fixed
        self._told: tuple[str, ...] = ()
        self._said: tuple[str, ...] = ()
        self._greets = True
        self._own_tools = LLMContext(tools=tools) if tools else LLMContext()
        self._context = None
        self._agent(settings)
        super().__init__(settings=settings, **kwargs)
        self._calls = 0
        self._muted = False
        self._early = bytearray()
        self._early_keys = ""
        self._beginning = Alarm(self)
        self._refusals: dict[str, str] = {}
        self._reopening: asyncio.Task[None] | None = None

    def _agent(self, settings: PyAIOmniSettings) -> OmniOptions:
        """Return what the agent is to be now. Raises ConfigurationError."""
        told = persona(settings.given_fields().get("system_instruction"), self._told, self._said)
        options = settings.options()
        if not self._greets:
            options["greeting"] = ""
        if not self._fixed["configure"]:
            told = None
        tools, _ = read_tools(tools_of(self._context, self._own_tools))
        return OmniOptions(**options, **self._fixed, persona=told, tools=tools)

    def _service_tools(self) -> Any:
        """Pipecat registers the handlers of these where the context offers no tools."""
        return self._own_tools.tools

    async def _take_context(self, context: LLMContext) -> None:
        self._note_written(context)
        text = typed_words(context.messages, self._heard) if self._stream else ""
        await self._refuse("text", text and f"Omni takes no text from the caller; it was not told: {text[:80]!r}")
        before, self._told = self._told, instructions(context.messages)
        if not await self._apply():
            self._told = before

    async def _take_messages(self, frame: LLMMessagesAppendFrame | LLMMessagesUpdateFrame) -> None:
        """Take what an aggregator would have taken."""
        context = self._context or LLMContext()
        if isinstance(frame, LLMMessagesAppendFrame):
            context.add_messages(frame.messages)
        else:
            context.set_messages(frame.messages)
        await self._take_context(context)

    async def _take_tools(self, tools: Any) -> None:
        self._own_tools = LLMContext(tools=tools)  # an aggregator has put them into its context as well
        self._sync_registered_tool_handlers(tools)
        await self._apply()

    async def _apply(self) -> bool:
        """Begin the call, or tell the agent what has changed; False where it cannot be told."""
        _, complaints = read_tools(tools_of(self._context, self._own_tools))
        await self._refuse("tools", "; ".join(complaints))
        try:
            agent = self._agent(self._settings)
        except ConfigurationError as error:
            await self._refuse("agent", str(error), error)
            return False
        await self._refuse("agent", "")
        if self._stream is None:
            await self._begin()
        elif not self._stream.closed:
            self._stream.update(**{name: getattr(agent, name) for name in _CHANGEABLE})
        return True

    async def _refuse(self, what: str, said: str, error: ConfigurationError | None = None) -> None:
        """Report, once, what cannot be done; empty: it can."""
        before = self._refusals.pop(what, "")
        if said:
            self._refusals[what] = said
        if said and said != before:
            await self.push_error(said, error, category=ErrorCategory.APPLICATION)

    async def _update_settings(self, delta: LLMSettings) -> dict[str, Any]:
        try:
            self._agent(self._settings.with_changes(delta))
        except ConfigurationError as error:
            await self.push_error(f"Settings unchanged: {error}", error, category=ErrorCategory.APPLICATION)
            return {}
        changed = await super()._update_settings(delta)
        self._warn_unhandled_updated_settings(self._settings.unknown(changed))
        if self._stream is None or self._stream.closed:
            return changed
        if _OF_THE_CONNECTION & changed.keys():
            self._reopening = self.create_task(self._reopen(), "pyai_omni_reopen")
        else:
            await self._apply()
        return changed

    # The call

    async def _keep_early(self, frame: InputAudioRawFrame) -> None:
        """Keep what the caller says before the call begins; begin it soon, with or without a context."""
        if not self._early and self._may_begin and "agent" not in self._refusals:
            await self._beginning.set(_CONTEXT_WAIT, self._begin)
        self._early += frame.audio if not self._muted else bytes(len(frame.audio))
        del self._early[: -round(_EARLY * frame.sample_rate) * 2]

    def _press(self, key: str) -> None:
        """Send a key of the caller's; what is pressed before the call begins waits for it."""
        if self._stream is None:
            self._early_keys = (self._early_keys + key)[-_EARLY_KEYS:]
        elif not self._stream.closed:
            self._stream.press(key)

    @property
    def _may_begin(self) -> bool:
        waiting = self._reopening is not None and not self._reopening.done()
        return self._stream is None and self.is_usable and not waiting

    async def _begin(self) -> None:
        if self._may_begin:
            self._open_stream()
            self._listen()

    def _new_stream(self) -> OmniStream:
        self._calls += 1
        self._said = history(self._context.messages) if self._context else ()
        self._greets = self._calls == 1 or not self._said
        stream = OmniStream(self._endpoint, self._agent(self._settings), link=self._link)
        stream.mute(self._muted)
        early, self._early = bytes(self._early), bytearray()
        if early:
            stream.send_audio(early)
        keys, self._early_keys = self._early_keys, ""
        if keys:
            stream.press(keys)
        return stream

    async def _reopen(self) -> None:
        """Make a new call with what the old one cannot change."""
        await self._close_stream()
        await self._report_end_of_stream()
        self._open_stream()
        self._listen()
