"""Hear as a Pipecat service: audio in, transcripts, passages and proposed turns out.

The stream is kept by :mod:`._connection`; what its events mean for a pipeline is decided in :mod:`._translation`, and
here the steps are taken.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    StartFrame,
    STTMetadataFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.turns.eager_end_of_turn_mixin import EagerEndOfTurnSTTServiceMixin
from pipecat.turns.user_stop import EagerMatchPolicy
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.tracing.service_decorators import traced_stt
from pydantic import SecretStr

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, RequestError
from pyai_voice.events import Disconnected, Grounding, HearEvent, SpeechStarted, TurnEnded
from pyai_voice.options import CueOptions, HearOptions, LinkOptions, TurnAuthority, TurnPolicy

from ._alarm import Alarm
from ._arguments import check_settings
from ._connection import HearConnection
from ._proposals import TurnProposals
from ._translation import Backchannel, Final, Ground, Interim, Predict, Start, Step, Stop, Translation, Withdraw
from ._words import HAS_BACKCHANNELS, to_backchannel, to_frame, to_iso639, to_language, to_local_category
from .frames import PyAICommitFrame, PyAIGroundingFrame
from .settings import PyAISTTSettings
from .turns import turn_policy, user_turn_strategies

__all__ = ["PyAISTTService"]

TTFS_P99 = 0.5
"""Seconds from the end of speech to its final transcript that turn strategies should allow for.

Measured with the local server on 41 human utterances, two busy cores, Pipecat's VAD with ``stop_secs=0.2``:
median 0.34, longest 0.52.
"""


class PyAISTTService(EagerEndOfTurnSTTServiceMixin, TurnProposals, HearConnection, STTService):
    """Streaming speech to text with PyAI Hear, and turn detection and retrieval with PyAI Cue.

    Exactly one decides when the user has finished, chosen once (``turns``):

    * ``framework`` (the default): each time Pipecat's VAD hears the end of speech, the transcript is asked for and
      comes ``finalized``; Pipecat's turn strategies decide.
    * ``cue``: PyAI decides. Turns are proposed with ``ProposedUserStarted/StoppedSpeakingFrame``, and the strategies
      that obey are recommended to the user aggregator.
    * ``client``: the program decides, with :class:`~pipecat_pyai.frames.PyAICommitFrame`; recommended as above.

    With grounding, a :class:`~pipecat_pyai.frames.PyAIGroundingFrame` comes before the transcript that it belongs to.

    Events besides those of STTService: ``on_reconnected(service, seconds_replayed)``,
    ``on_grounding(service, grounding)`` and ``on_end_of_turn(service, ended)``, with the core's events.
    """

    Settings = PyAISTTSettings
    _settings: PyAISTTSettings  # pyright: ignore[reportIncompatibleVariableOverride] - Pipecat's pattern for settings

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        model: str = "pyai-hear",
        language: Language | str | None = None,
        sample_rate: int | None = None,
        vad_force_turn_endpoint: bool | None = None,
        turns: TurnPolicy | TurnAuthority | None = None,
        cue: CueOptions | None = None,
        eager_match_policy: EagerMatchPolicy | None = None,
        should_interrupt: bool = True,
        ttfs_p99_latency: float | None = TTFS_P99,
        link: LinkOptions | None = None,
        insecure: bool = False,
        client: Client | None = None,
        settings: PyAISTTSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare the service; it connects when the pipeline is set up.

        Args:
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            model: Recogniser; ``settings`` goes before it.
            language: Language or code; None lets PyAI detect it. ``settings`` goes before it.
            sample_rate: Samples a second, 8000 to 48000; None takes the pipeline's.
            vad_force_turn_endpoint: In short for ``turns``: True is ``framework``, False is ``cue``.
            turns: Who ends a turn, or that and what happens when that one says nothing.
            cue: What Cue does besides; ``settings`` goes before it.
            eager_match_policy: Whether a transcript is what was predicted; Pipecat's default forgives punctuation.
            should_interrupt: Whether a turn that PyAI starts interrupts the bot.
            ttfs_p99_latency: What turn strategies should allow for, in seconds.
            link: How patient the connection is.
            insecure: Allow http to a machine that is not this one.
            client: In the place of ``api_key`` and ``base_url``: where it listens.
            settings: What can also be changed later, with ``STTUpdateSettingsFrame``.
            **kwargs: For STTService.

        Raises:
            ConfigurationError: A ValueError: the key is missing, an option is wrong, or two contradict each other.
        """
        check_settings("PyAISTTService", settings, PyAISTTSettings, kwargs)
        self._turns = turn_policy(turns, vad_force_turn_endpoint)
        complete = PyAISTTSettings.complete(model, language, cue, settings)
        _check(complete, self._turns, sample_rate or 16000)
        kwargs.setdefault("enable_direct_mode", True)  # nothing here waits, so frames need not queue up
        endpoint = Client.for_host(client, api_key, base_url, insecure=insecure).endpoint
        endpoint.provider.require("hear_stream")
        super().__init__(
            endpoint=endpoint,
            link=link,
            sample_rate=sample_rate,
            ttfs_p99_latency=ttfs_p99_latency,
            settings=complete,
            enable_eager_end_of_turn=self._turns.authority == "cue",  # the core predicts only when it is told to
            eager_match_policy=eager_match_policy,
            **kwargs,
        )
        self._should_interrupt = should_interrupt
        self._translation = Translation(self._turns)
        self._patience = Alarm(self)
        self._commits = 0
        self._apply_threshold()
        self._register_event_handler("on_grounding")
        self._register_event_handler("on_end_of_turn")

    def can_generate_metrics(self) -> bool:
        """Tell Pipecat that there are metrics: TTFB and usage."""
        return True

    @property
    def supports_ttfs(self) -> bool:
        """Whether there is a wait between Pipecat's end of speech and the transcript: only where Pipecat ends turns."""
        return self._turns.authority == "framework"

    @property
    def eager_end_of_turn_enabled(self) -> bool:
        """Whether predicted ends of turns are answered; changes with the setting ``eager``."""
        return self._turns.authority == "cue" and self._settings.eager is True

    def service_metadata_frame(self) -> STTMetadataFrame:
        """Say who ends turns; recommend that proposals be obeyed where it is not Pipecat."""
        frame = super().service_metadata_frame()
        frame.metadata["pyai_turns"] = self._turns.model_dump()
        if self._turns.authority != "framework":
            frame.user_turn_strategies = user_turn_strategies(
                enable_interruptions=self._should_interrupt, match_policy=self._eager_match_policy
            )
        return frame

    def language_to_service_language(self, language: Language) -> str | None:
        """Return the ISO 639-1 code, without a region."""
        return to_iso639(language)

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Begin to connect. Raises ConfigurationError where the pipeline's sample rate cannot be used."""
        await super().setup(setup)
        logger.info(f"{self}: turns end by {self._turns.authority}: {self._turns!r}, {self._hear_options().cue!r}")
        self._open_stream()

    async def start(self, frame: StartFrame) -> None:
        """Begin to report: earlier frames would come before the StartFrame."""
        await super().start(frame)
        self._listen()

    async def stop(self, frame: EndFrame) -> None:
        """Wait a little for the last words, then close."""
        await self._drain_stream()
        await super().stop(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Ask for the transcript when the one who ends turns says so: Pipecat's VAD, or the program."""
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame) and self._turns.authority == "framework":
            self._commit()
        elif isinstance(frame, PyAICommitFrame):
            await self._end_by_program()

    async def process_audio_frame(self, frame: InputAudioRawFrame, direction: FrameDirection) -> None:
        """Send audio; silence while muted, because Hear ends an utterance by the silence that it hears."""
        if not await self._takes(frame):
            return
        if self.is_muted:
            self._send(bytes(len(frame.audio)))
        else:
            await super().process_audio_frame(frame, direction)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Hand over audio; never waits. Transcripts are pushed when they come."""
        self._send(audio)
        yield None

    @traced_stt
    async def _handle_transcription(self, transcript: str, is_final: bool, language: Language | None = None) -> None:
        """Pipecat's tracing looks for this name."""

    async def _update_settings(self, delta: STTSettings) -> dict[str, Any]:
        try:
            _check(self._settings.with_changes(delta), self._turns, self.sample_rate or 16000)
        except ConfigurationError as error:
            await self.push_error(f"Settings unchanged: {error}", error, category=ErrorCategory.APPLICATION)
            return {}
        changed = await super()._update_settings(delta)
        self._warn_unhandled_updated_settings(self._settings.unknown(changed))
        self._apply_threshold()
        if self._stream and not self._stream.closed:
            self._stream.update(**self._settings.options())
        return changed

    def _apply_threshold(self) -> None:
        threshold = self._settings.backchannel_threshold
        self._translation.backchannel_threshold = float(threshold) if HAS_BACKCHANNELS and threshold else None

    def _hear_options(self) -> HearOptions:
        return HearOptions(sample_rate=self.sample_rate, turns=self._turns, **self._settings.options())

    async def _close(self) -> None:
        await self._patience.clear()
        await self._close_stream()

    def _commit(self) -> None:
        if self._stream and self._stream.commit():
            self._commits += 1
        if self._commits:
            self.request_finalize()

    async def _end_by_program(self) -> None:
        if self._turns.authority != "client":
            logger.warning(f"{self}: not asked to end turns, {self._turns.authority} does: PyAICommitFrame ignored")
            return
        self._commit()
        if not self._commits:  # all that was said is known
            await self._take(self._translation.end_turn())

    async def _report(self, event: HearEvent) -> None:
        await self._take(self._translation.receive(event))
        match event:
            case SpeechStarted():
                await self._patience.clear()
            case TurnEnded():
                await self._report_end(event)
            case Grounding():
                await self._call_event_handler("on_grounding", event)
            case Disconnected(error=RequestError() as error):
                await self._report_connection(event)
                await self._take_back(error)
            case _:
                await self._report_connection(event)

    async def _take_back(self, error: RequestError) -> None:
        """Return to the settings that the stream goes on with, where PyAI has refused a change."""
        stream = self._stream
        if stream is not None and not stream.closed and stream.options != self._hear_options():
            self._settings.take(stream.options)
            await self.push_error(f"Settings taken back: {error}", error, category=to_local_category(error))

    async def _report_end_of_stream(self) -> None:
        self._commits = 0
        await self._take(self._translation.close())

    async def _take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            await self._take_step(step)

    async def _take_step(self, step: Step) -> None:
        match step:
            case Start():
                await self.propose_start()
            case Stop():
                await self.propose_stop()
            case Interim(transcript):
                await self.before_words()
                await self.push_frame(to_frame(transcript, self._user_id))
            case Final():
                await self._push_final(step)
            case Backchannel(transcript):
                await self.push_frame(to_backchannel(transcript, self._user_id))
            case Predict():
                await self._push_prediction(step)
            case Withdraw():
                await self._cancel_eager_end_of_turn()
            case Ground(utterance, passages):
                await self.push_frame(PyAIGroundingFrame(utterance, passages))

    async def _push_prediction(self, step: Predict) -> None:
        await self.before_words()
        language = to_language(self._hear_options().language)
        said = step.prediction
        await self._push_eager_end_of_turn(said.text, user_id=self._user_id, language=language, result=said)

    async def _push_final(self, step: Final) -> None:
        event = step.transcript
        frame = to_frame(event, self._user_id, finalized=step.ends_turn)
        if event.committed and self._commits == 1:  # not if more was committed since
            self.confirm_finalize()
        self._clear_eager_end_of_turn()
        await self.before_words()
        await self.emit_stt_usage_metrics()
        await self.push_frame(frame)
        await self._handle_transcription(event.text, True, frame.language)

    async def _report_end(self, event: TurnEnded) -> None:
        self._commits = max(0, self._commits - event.committed)
        if event.committed and not event.text and not self._commits:
            await self.stop_ttfb_metrics()  # no transcript will come to stop it
        await self._wait_for_program()
        await self._call_event_handler("on_end_of_turn", event)

    async def _wait_for_program(self) -> None:
        """Let no turn stay open for ever that only the program may end."""
        if self._translation.turn_open:
            await self._patience.set(self._turns.watchdog, self._lose_patience)
        else:
            await self._patience.clear()

    async def _lose_patience(self) -> None:
        logger.warning(f"{self}: the turn was closed, nobody ended it for {self._turns.watchdog} s")
        await self._take(self._translation.end_turn())


def _check(settings: PyAISTTSettings, turns: TurnPolicy, sample_rate: int) -> HearOptions:
    """Return the options that settings make. Raises ConfigurationError where they are wrong."""
    options = HearOptions(sample_rate=sample_rate, turns=turns, **settings.options())
    threshold: Any = settings.backchannel_threshold
    if threshold is not None and not (isinstance(threshold, float | int) and 0 <= threshold <= 1):
        raise ConfigurationError("backchannel_threshold: expected 0 to 1, or None", code="invalid_option")
    if options.cue.eager and turns.authority != "cue":
        raise ConfigurationError(
            f"eager needs turns that Cue ends, here {turns.authority} does",
            code="invalid_option",
            hint='Set turns=TurnPolicy(authority="cue")',
        )
    return options
