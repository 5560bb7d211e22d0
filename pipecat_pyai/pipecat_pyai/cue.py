"""Cue beside another recogniser: it hears the caller, proposes turns, and leaves the words to the other.

transport.input() -> another stt -> PyAICueTurnDetector -> user aggregator -> ...
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    ServiceMetadataFrame,
    StartFrame,
    STTMuteFrame,
    TranscriptionFrame,
    UserMuteStartedFrame,
    UserMuteStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.ai_service import AIService
from pipecat.services.settings import ServiceSettings
from pipecat.transcriptions.language import Language
from pydantic import SecretStr

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.events import Connected, Disconnected, Grounding, HearEvent, SpeechStarted, Transcript, TurnEnded
from pyai_voice.options import CueOptions, HearOptions, LinkOptions, TurnAuthority, TurnPolicy

from ._alarm import Alarm
from ._connection import HearConnection
from ._detector import DetectorTurns, Proposal
from ._proposals import TurnProposals
from ._words import to_iso639
from .frames import PyAIGroundingFrame
from .turns import turn_policy, user_turn_strategies

__all__ = ["PyAICueTurnDetector"]


class PyAICueTurnDetector(TurnProposals, HearConnection, AIService):
    """Proposes turns by what PyAI Cue hears; pushes no transcript of its own.

    It stands behind the recogniser whose words are used, and waits for its transcript before it proposes an end. It
    recommends the strategies that obey; a bot that sets its own ``user_turn_strategies`` takes
    :func:`~pipecat_pyai.turns.user_turn_strategies`. The other recogniser must not propose turns as well.

    While PyAI cannot be reached for longer than ``turns.deadline``, Pipecat's voice detector (``vad_analyzer`` of the
    aggregator) starts and ends turns; without one, transcripts do.

    Events: ``on_connected``, ``on_disconnected``, ``on_connection_error``, ``on_reconnected(detector, seconds)`` and
    ``on_end_of_turn(detector, ended)``.
    """

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        language: Language | str | None = None,
        sample_rate: int | None = None,
        endpointing_ms: int | None = None,
        grounding: bool = False,
        turns: TurnPolicy | TurnAuthority | None = None,
        transcript_wait: float = 1.0,
        should_interrupt: bool = True,
        link: LinkOptions | None = None,
        insecure: bool = False,
        client: Client | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare the detector; it connects when the pipeline is set up.

        Args:
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            language: Language or code; None lets PyAI detect it.
            sample_rate: Samples a second, 8000 to 48000; None takes the pipeline's.
            endpointing_ms: Trailing silence that ends an utterance, 50 to 5000 milliseconds.
            grounding: Also push passages of the knowledge base, for PyAIGroundingProcessor.
            turns: How patient it is; the authority is Cue.
            transcript_wait: Seconds that the end of a turn may wait for the other recogniser's transcript.
            should_interrupt: Whether a turn interrupts the bot.
            link: How patient the connection is.
            insecure: Allow http to a machine that is not this one.
            client: In the place of ``api_key`` and ``base_url``: where it listens.
            **kwargs: For AIService.

        Raises:
            ConfigurationError: A ValueError: the key is missing, or an option is wrong.
        """
        self._turns = turn_policy(turns or "cue", None)
        if self._turns.authority != "cue":
            raise ConfigurationError(f"turns: Cue ends turns here, not {self._turns.authority}", code="invalid_option")
        self._options = HearOptions(
            sample_rate=sample_rate or 16000,
            language=to_iso639(language) if language else None,
            endpointing_ms=endpointing_ms,
            cue=CueOptions(grounding=grounding),
            turns=self._turns,
        )
        kwargs.setdefault("enable_direct_mode", True)  # nothing may wait behind a transcript and be interrupted there
        endpoint = Client.for_host(client, api_key, base_url, insecure=insecure).endpoint
        super().__init__(endpoint=endpoint, link=link, settings=ServiceSettings(model=None), **kwargs)
        self._init_sample_rate = sample_rate
        self._should_interrupt = should_interrupt
        self._decisions = DetectorTurns(self._turns, transcript_wait)
        self._alarm = Alarm(self)
        self._muted = False
        for name in ("on_connected", "on_disconnected", "on_connection_error", "on_end_of_turn"):
            self._register_event_handler(name)

    def service_metadata_frame(self) -> ServiceMetadataFrame:
        """Recommend that proposals be obeyed, and say who ends turns."""
        strategies = user_turn_strategies(enable_interruptions=self._should_interrupt)
        frame = ServiceMetadataFrame(service_name=self.name, user_turn_strategies=strategies)
        frame.metadata["pyai_turns"] = self._turns.model_dump()
        return frame

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Begin to connect. Raises ConfigurationError where the pipeline's sample rate cannot be used."""
        await super().setup(setup)
        self._options = self._options.replace(sample_rate=self._init_sample_rate or setup.audio_in_sample_rate)
        logger.info(f"{self}: turns end by {self._turns.authority}: {self._turns!r}, {self._options.cue!r}")
        self._open_stream()

    async def start(self, frame: StartFrame) -> None:
        """Begin to report: earlier frames would come before the StartFrame."""
        await super().start(frame)
        self._listen()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Listen to audio, to the voice detector and to the other recogniser; pass everything on."""
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM and isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame):
            await self._pass_words(frame)
            return
        await self._heed(frame)
        await self.push_frame(frame, direction)

    async def _heed(self, frame: Frame) -> None:
        match frame:
            case InputAudioRawFrame():
                await self._send_frame(frame)
            case VADUserStartedSpeakingFrame():
                await self._propose(self._decisions.voice_started(_now()))
            case VADUserStoppedSpeakingFrame():
                await self._propose(self._decisions.voice_stopped(_now()))
            case STTMuteFrame(mute=mute):
                self._muted = mute
            case UserMuteStartedFrame() | UserMuteStoppedFrame():
                self._muted = isinstance(frame, UserMuteStartedFrame)
            case _:
                pass

    async def _send_frame(self, frame: InputAudioRawFrame) -> None:
        if await self._takes(frame):
            self._send(bytes(len(frame.audio)) if self._muted else frame.audio)

    async def _pass_words(self, frame: TranscriptionFrame | InterimTranscriptionFrame) -> None:
        final = isinstance(frame, TranscriptionFrame)
        await self._propose(self._decisions.words_come(_now(), final=final))
        await self.before_words()
        await self.push_frame(frame)
        if final:  # not earlier: the end must not be proposed before the words are on their way
            await self._propose(self._decisions.words_passed(_now()))

    def _hear_options(self) -> HearOptions:
        return self._options

    async def _report(self, event: HearEvent) -> None:
        match event:
            case SpeechStarted() | Transcript(final=False):
                await self._propose(self._decisions.cue_started())
            case TurnEnded():
                await self._propose(self._decisions.cue_ended(_now()))
                await self._call_event_handler("on_end_of_turn", event)
            case Grounding(utterance=utterance, passages=passages):
                await self.push_frame(PyAIGroundingFrame(utterance, passages))
            case Connected():
                self._decisions.reached()
            case Disconnected():
                self._decisions.lost(_now())
            case _:
                pass
        await self._report_connection(event)

    async def _report_end_of_stream(self) -> None:
        self._decisions.lost(_now())
        await self._propose(self._decisions.close())

    async def _propose(self, proposals: Iterable[Proposal]) -> None:
        for proposal in proposals:
            await (self.propose_start() if proposal == "start" else self.propose_stop())
        if self._decisions.due is None:
            await self._alarm.clear()
        else:
            await self._alarm.set(self._decisions.due - _now(), self._tick)

    async def _tick(self) -> None:
        await self._propose(self._decisions.tick(_now()))

    async def _close(self) -> None:
        await self._alarm.clear()
        await self._close_stream()


def _now() -> float:
    return asyncio.get_running_loop().time()
