"""Omni for LiveKit Agents: ``pyai.realtime.RealtimeModel``.

Above: a LiveKit AgentSession. Below: :class:`~.session.RealtimeSession`, one for each call.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack

import aiohttp
from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession, NotGivenOr, llm
from pydantic import SecretStr

from pyai_voice.client import Client
from pyai_voice.omni_options import CallerRate, OmniOptions, Tool
from pyai_voice.options import LinkOptions

from .._arguments import client_of, given
from ..log import logger
from .notices import OmniNotice
from .session import RealtimeSession

__all__ = ["OmniSettings", "RealtimeModel"]


class OmniSettings(TypedDict, total=False):
    """What :class:`RealtimeModel` takes; more on each in :class:`pyai_voice.OmniOptions`. Absent: PyAI decides."""

    voice: str
    """A voice id (``GET /v1/voices``)."""
    language: str
    """ISO 639-1 code."""
    greeting: str
    """What the agent says first; empty: nothing."""
    kb_endpoint: str
    """Your knowledge endpoint, which the service asks."""
    kb_token: SecretStr
    """The bearer that the service shows to it."""
    consent_line: str
    """Said before everything else where calls are recorded."""
    caller_key: str
    """Who calls, for continuity from one call to the next."""
    model_tier: str
    temperature: float
    seed: int
    extra: Mapping[str, Any]
    """Further fields of ``configure`` as they are, e.g. ``barge_sensitivity``."""
    session_label: str
    """Your own tag; the id of an agent profile loads that profile."""
    configure: bool
    """False: the profile that ``session_label`` names has everything; LiveKit's instructions are not used."""
    rate: CallerRate
    """Samples a second of the caller's audio on the wire: 24000 (a room's, so that nothing is resampled), 16000, or
    8000, which also makes the agent's 8000: a telephone's."""
    surface: Literal["omni", "realtime"]
    query: Mapping[str, str]
    both_keys: bool
    on_mismatch: Literal["fail", "report"]
    """What to do when the service confirms something else than was asked for: end the session, or report an error."""
    confirm_timeout: float
    tool_timeout: float
    """Seconds for the result of a tool (4.5): after that the agent is told that it did not answer."""
    reply_quiet: float
    reseed: bool
    """After a lost connection tell the new call what was said so far (True)."""


class RealtimeModel(llm.RealtimeModel, rtc.EventEmitter[OmniNotice]):
    """PyAI Omni. One object serves any number of sessions, each a call; close it with :meth:`aclose`.

    The agent is what LiveKit's Agent says: its instructions and function tools. ``service_tools`` are what the service
    carries out itself (built-in ones such as ``transfer_to_human``, and those with an ``endpoint``). ``link`` sets
    time-outs, and with ``ride_through`` how long a lost connection is dialled again; after that LiveKit's session ends,
    or its fallback adapter goes on with another model. Raises ValueError for a missing key or a wrong option.
    ``client`` comes in the place of ``api_key`` and ``base_url``; it stays open. ``http_session`` is accepted and not
    used: the core has its own connections.

    Events (:data:`~.notices.OmniNotice`), of all sessions: ``transfer``, ``send_digits``, ``hold``, ``collect`` and
    ``hang_up`` ask for something that the program does; ``digits``, ``idle``, ``knowledge``, ``call_started``,
    ``configured``, ``turn_began``, ``reply_truncated``, ``service_event`` and ``call_ended`` only tell.
    """

    def __init__(
        self,
        *,
        api_key: NotGivenOr[str | None] = NOT_GIVEN,
        base_url: NotGivenOr[str | None] = NOT_GIVEN,
        service_tools: Sequence[Tool] = (),
        client: Client | None = None,
        http_session: aiohttp.ClientSession | None = None,
        link: LinkOptions | None = None,
        insecure: bool = False,
        **settings: Unpack[OmniSettings],
    ) -> None:
        rtc.EventEmitter.__init__(self)  # pyright: ignore[reportUnknownMemberType] - LiveKit leaves its types open
        self.options = OmniOptions(rate=24000, tools=tuple(service_tools)).replace(**given(settings, OmniSettings))
        """What every call begins with."""
        changes = self.options.configure
        llm.RealtimeModel.__init__(
            self,
            capabilities=llm.RealtimeCapabilities(
                message_truncation=False,
                turn_detection=True,
                user_transcription=True,
                auto_tool_reply_generation=True,
                audio_output=True,
                manual_function_calls=False,
                mutable_chat_context=changes,
                mutable_instructions=changes,
                mutable_tools=changes,
            ),
        )
        self.client = client_of(client, api_key, base_url, insecure)
        """Dials the calls."""
        self.link = link
        """Time-outs; None: the usual ones."""
        self.client.endpoint.provider.require("omni")
        self._owner: weakref.ref[AgentSession[Any]] | None = None
        self._sessions: weakref.WeakSet[RealtimeSession] = weakref.WeakSet()
        self._calls: weakref.WeakKeyDictionary[AgentSession[Any], weakref.ref[RealtimeSession]] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def model(self) -> str:
        """``pyai-omni``."""
        return "pyai-omni"

    @property
    def provider(self) -> str:
        """``PyAI``."""
        return "PyAI"

    def session(self, *, turn_detection_disabled: bool = False) -> RealtimeSession:
        """Open a call; it is dialled when its instructions and tools are known. Omni always decides the turns."""
        session = RealtimeSession(self)
        self._sessions.add(session)
        owner = self._owner() if self._owner is not None else None
        if owner is not None:
            session.follow(owner)
        return session

    def follow(self, session: AgentSession[Any]) -> None:
        """Read the results of tools from this session as soon as they are there.

        Needed only inside a RealtimeModelFallbackAdapter, for one session: without it, each call finds its own.
        """
        self._owner = weakref.ref(session)
        for each in list(self._sessions):
            each.follow(session)

    def note(self, owner: AgentSession[Any], session: RealtimeSession) -> None:
        """Say so when a conversation dials a second call: it is billed, and remembers nothing."""
        before = self._calls.get(owner)
        if before is not None and before() is not session:
            logger.warning("This AgentSession dials another Omni call: an agent profile cannot change in a call")
        self._calls[owner] = weakref.ref(session)

    async def aclose(self) -> None:
        """Hang up every call."""
        await asyncio.gather(*(session.aclose() for session in list(self._sessions)))
        await self.client.aclose()
