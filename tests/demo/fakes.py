"""Ears and mouths for tests of the headless sides: they know when the caller stops, and "hear" a given text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from livekit.agents import APIConnectOptions, stt, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer
from pipecat.frames.frames import (
    Frame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    StartFrame,
    STTMetadataFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.utils.time import time_now_iso8601

from demo.call import BOT

SILENT_CHUNKS = 10
"""So many chunks of 20 ms end a turn."""
SPEECH = bytes(BOT.size(0.1)) + b"\x00\x10" * round(BOT.rate * 0.3)
"""What the fake mouths say: 0.4 s, the first 0.1 s of it silence."""


class Ear:
    """Tells "start" at the first loud chunk and "stop" after 0.2 s of silence."""

    def __init__(self) -> None:
        self._quiet = -1

    def feed(self, pcm: bytes) -> str:
        if any(pcm):
            began, self._quiet = self._quiet < 0, 0
            return "start" if began else ""
        if self._quiet < 0:
            return ""
        self._quiet += 1
        if self._quiet < SILENT_CHUNKS:
            return ""
        self._quiet = -1
        return "stop"


class PipecatEar(STTService):
    """Hears the same words in every turn."""

    def __init__(self, text: str):
        super().__init__(settings=STTSettings(model=None, language=None), ttfs_p99_latency=0.1)
        self._text = text
        self._ear = Ear()

    def service_metadata_frame(self) -> STTMetadataFrame:
        return STTMetadataFrame(
            service_name=self.name, ttfs_p99_latency=0.1, user_turn_strategies=ExternalUserTurnStrategies()
        )

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        event = self._ear.feed(audio)
        if event == "start":
            await self.broadcast_frame(ProposedUserStartedSpeakingFrame)
            yield InterimTranscriptionFrame(self._text[:3], "", time_now_iso8601())
        elif event == "stop":
            await self.push_frame(TranscriptionFrame(self._text, "", time_now_iso8601(), finalized=True))
            await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)
        yield None


class PipecatMouth(TTSService):
    """Says the same for every sentence."""

    def __init__(self) -> None:
        super().__init__(
            push_start_frame=True, push_stop_frames=True, settings=TTSSettings(model=None, voice=None, language=None)
        )

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        yield TTSAudioRawFrame(SPEECH, BOT.rate, 1, context_id=context_id)


class LiveKitEar(stt.STT):
    """Hears the same words in every turn."""

    def __init__(self, text: str):
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.text = text

    def stream(
        self, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> stt.RecognizeStream:
        return _EarStream(stt=self, conn_options=conn_options, sample_rate=16000)

    async def _recognize_impl(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        raise NotImplementedError


class _EarStream(stt.RecognizeStream):
    async def _run(self) -> None:
        ear = Ear()
        async for frame in self._input_ch:
            if isinstance(frame, self._FlushSentinel):
                continue
            event = ear.feed(bytes(frame.data))
            if event == "start":
                self._send(stt.SpeechEventType.START_OF_SPEECH)
                self._send(stt.SpeechEventType.INTERIM_TRANSCRIPT)
            elif event == "stop":
                self._send(stt.SpeechEventType.FINAL_TRANSCRIPT)
                self._send(stt.SpeechEventType.END_OF_SPEECH)

    def _send(self, kind: stt.SpeechEventType) -> None:
        assert isinstance(self._stt, LiveKitEar)
        words = [stt.SpeechData(language="en", text=self._stt.text)]
        silent = kind in (stt.SpeechEventType.START_OF_SPEECH, stt.SpeechEventType.END_OF_SPEECH)
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[] if silent else words))


class LiveKitMouth(tts.TTS):
    """Says the same for every sentence."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=BOT.rate, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _MouthStream(tts=self, input_text=text, conn_options=conn_options)


class _MouthStream(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="r", sample_rate=BOT.rate, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(SPEECH)
        await asyncio.sleep(0)
        output_emitter.flush()
