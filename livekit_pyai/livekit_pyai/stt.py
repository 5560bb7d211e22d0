"""Hear for LiveKit Agents: ``pyai.STT``.

Above: a LiveKit AgentSession. Below: :class:`~.stream.SpeechStream`, one for each session.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Literal, Unpack

import aiohttp
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr, stt, utils

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, PyAIError
from pyai_voice.events import Passage
from pyai_voice.options import CueOptions, HearOptions, LinkOptions, TurnAuthority, TurnPolicy

from ._arguments import HearSettings, client_of, hear_settings, turn_policy
from ._memory import CANNOT_TELL
from ._recordings import Recordings, is_refusal
from ._refusal import Refusal, refused
from ._session import note_turns
from ._words import to_api_error
from .log import logger
from .stream import SpeechStream

__all__ = ["STT", "the_stt"]

_RIDE_THROUGH = 30.0
"""Seconds that an outage may last, if LiveKit's own time-outs and retries allow as much."""
_JOURNAL = 300.0
"""Seconds of audio that may wait: a live stream gives up long before, a recording may be pushed all at once."""


class STT(stt.STT[Literal["grounding"]]):
    """PyAI Hear. One object serves any number of sessions; close it with :meth:`aclose`.

    Raises ValueError for a missing key or a wrong option. ``client`` comes in the place of ``api_key`` and
    ``base_url``, so that a process has one pool of connections; it stays open. ``sample_rate`` is the rate that is
    sent; LiveKit's frames may have any. ``turns`` says who ends a turn, once for all streams; give the session what
    ``pyai.turn_handling(stt)`` returns for it. ``link`` sets time-outs and the journal; without it LiveKit's connect
    options of each stream count. ``http_session`` is accepted and not used: the core has its own connections.

    A provider without a stream (``client=Client(Endpoint.audiopod())``) only has ``recognize``: an AgentSession with a
    VAD makes a stream of it, utterance by utterance, and LiveKit ends the turns.

    Event ``grounding``: a :class:`pyai_voice.events.Grounding`, whenever the passages of an utterance come or change.
    """

    def __init__(
        self,
        *,
        api_key: NotGivenOr[str | None] = NOT_GIVEN,
        base_url: NotGivenOr[str | None] = NOT_GIVEN,
        sample_rate: int = 16000,
        client: Client | None = None,
        http_session: aiohttp.ClientSession | None = None,
        turns: TurnPolicy | TurnAuthority = "cue",
        link: LinkOptions | None = None,
        insecure: bool = False,
        **settings: Unpack[HearSettings],
    ) -> None:
        self._client = client_of(client, api_key, base_url, insecure)
        service = self._client.endpoint.provider
        streaming = "hear_stream" in service.features
        policy = turn_policy(turns if streaming else "framework")
        self._options = HearOptions(sample_rate=sample_rate, turns=policy, **hear_settings(settings, CueOptions()))
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=streaming,
                interim_results=streaming and self._options.interim_results,
                keyterms="vocabulary" in service.transcription_fields,
                manual_flush=streaming,
            )
        )
        self._recordings = Recordings(self._client)
        self._link = link
        self._keyterms: tuple[str, ...] = ()
        self._refusal = Refusal()
        self._missed_passages = False
        self._streams: weakref.WeakSet[SpeechStream] = weakref.WeakSet()

    @property
    def model(self) -> str:
        """Name of the recogniser."""
        return self._options.model

    @property
    def provider(self) -> str:
        """``PyAI``, or the provider of the endpoint."""
        return self._client.endpoint.provider.name

    @property
    def turns(self) -> TurnPolicy:
        """Who ends a turn, and what happens when that one says nothing."""
        return self._options.turns

    @property
    def grounding(self) -> tuple[Passage, ...] | None:
        """Passages of the last utterance (of the last stream); None from its first word until they come."""
        return next((stream.memory.passages for stream in self._newest()), None)

    def passages_of(self, message: str) -> tuple[Passage, ...] | None:
        """Return the passages for a message of the user, found by its words; None where there is no word on them."""
        found = (stream.memory.passages_of(message) for stream in self._newest())
        return next((passages for passages in found if passages is not None), None)

    def finished(self, message: str, now: float) -> float:
        """Return how likely the caller who said ``message`` last has finished, 0 to 1; ``now`` is monotonic time."""
        streams = self._newest()
        memories = [stream.memory for stream in streams if stream.memory.knows(message)] or [
            stream.memory for stream in streams
        ]
        return memories[0].finished(now, self.turns.deadline) if memories else CANNOT_TELL

    def expect_passages(self) -> None:
        """Say so, once, where passages are expected that Hear is not asked for."""
        if not (self._options.cue.grounding or self._missed_passages):
            self._missed_passages = True
            logger.warning("There will be no passages: the STT does not ask for them; make it pyai.STT(grounding=True)")

    def leave_ends_to_cue(self) -> None:
        """Have LiveKit's VAD no longer ask for early finals: Cue waits for the caller, whatever the VAD hears."""
        self._capabilities.manual_flush = False

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeechStream:
        """Open a stream; it connects in the background."""
        options = self._effective.replace(**hear_settings({"language": language}, self._options.cue))
        hear = self._client.hear(options, link=self._link or _link_options(conn_options))
        stream = SpeechStream(stt=self, hear=hear, refusal=self._refusal, conn_options=conn_options)
        self._streams.add(stream)
        return stream

    def update_options(self, **settings: Unpack[HearSettings]) -> None:
        """Change options, also of the streams that are open. Raises ValueError for a wrong value.

        ``endpointing_ms`` is changed in place; anything else needs a new connection, made when nobody speaks.
        """
        changes = hear_settings(settings, self._options.cue)
        self._options = self._options.replace(**changes)
        self._capabilities.interim_results = self._capabilities.streaming and self._options.interim_results
        self._refusal.forget()
        if "vocabulary" in changes:
            changes["vocabulary"] = self._effective.vocabulary
        self._update_streams(changes)

    async def aclose(self) -> None:
        """Close every stream and connection."""
        await asyncio.gather(*(stream.aclose() for stream in list(self._streams)))
        await self._client.aclose()

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        options = self._effective.replace(**hear_settings({"language": language}, self._options.cue))
        try:
            heard = await self._recordings.recognize(buffer, options, conn_options.timeout)
        except PyAIError as error:
            failure = to_api_error(error, retryable=is_refusal(error))
        else:
            return heard
        raise failure  # outside the except block, so that it brings no context

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        self._keyterms = tuple(keyterms)
        self._update_streams({"vocabulary": self._effective.vocabulary})

    def on(self, event: Any, callback: Any = None) -> Callable[..., Any]:
        """Call ``callback`` on each event. LiveKit's own callbacks show which AgentSession the streams are for."""
        if event == "metrics_collected":
            note_turns(callback, self.turns.authority)
        return super().on(event, callback)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - LiveKit

    def emit(self, event: Literal["grounding", "metrics_collected", "error"], *arguments: Any) -> None:
        """Tell the listeners; what ends a refused stream is told as an error at which a session closes at once."""
        final = event == "error" and self._refusal.of_the_key
        super().emit(event, *(map(refused, arguments) if final else arguments))

    def _newest(self) -> list[SpeechStream]:
        return sorted(self._streams, key=lambda stream: stream.opened, reverse=True)

    @property
    def _effective(self) -> HearOptions:
        return self._options.replace(vocabulary=(*self._options.vocabulary, *self._keyterms))

    def _update_streams(self, changes: dict[str, Any]) -> None:
        for stream in list(self._streams):
            stream.update_options(**changes)


def the_stt(given: object) -> STT:
    """Return it. Raises ConfigurationError for what is no PyAI STT, such as an adapter around one."""
    if isinstance(given, STT):
        return given
    raise ConfigurationError(
        f"stt: expected a pyai.STT, not {type(given).__module__}.{type(given).__qualname__}",
        code="invalid_option",
        hint="Of an adapter, give the pyai.STT that it was made of",
    )


def _link_options(conn_options: APIConnectOptions) -> LinkOptions:
    """Be as patient as LiveKit would be with all its attempts, and never more than the core is by default."""
    attempts = conn_options.max_retry + 1
    timeout = max(0.1, conn_options.timeout)
    ride_through = min(_RIDE_THROUGH, timeout * attempts)
    return LinkOptions(open_timeout=timeout, ride_through=ride_through, journal=_JOURNAL)
