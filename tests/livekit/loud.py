"""A voice detector on LiveKit's public base class: whatever is not silent is speech; its clock is the audio's own."""

from __future__ import annotations

from livekit import rtc
from livekit.agents import vad
from livekit.agents.vad import VADEvent, VADEventType

__all__ = ["LoudVAD"]

_ONSET = 0.06
_SILENCE = 0.3


class LoudVAD(vad.VAD):
    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.02))

    def stream(self) -> vad.VADStream:
        return _LoudStream(self)


class _LoudStream(vad.VADStream):
    async def _main_task(self) -> None:
        self._reset()
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                self._hear(item)
            else:
                self._reset()

    def _reset(self) -> None:
        self._speech = self._quiet = 0.0
        self._speaking = False

    def _hear(self, frame: rtc.AudioFrame) -> None:
        loud = any(frame.data)
        self._quiet = 0.0 if loud else self._quiet + frame.duration
        self._speech = self._speech + frame.duration if loud or self._speaking else 0.0
        if not self._speaking and self._speech >= _ONSET:
            self._speaking = True
            self._tell(VADEventType.START_OF_SPEECH)
        self._tell(VADEventType.INFERENCE_DONE)
        if self._speaking and self._quiet >= _SILENCE:
            self._speaking = False
            self._tell(VADEventType.END_OF_SPEECH)
            self._speech = 0.0

    def _tell(self, kind: VADEventType) -> None:
        event = VADEvent(
            type=kind,
            samples_index=0,
            timestamp=0.0,
            speech_duration=self._speech,
            silence_duration=self._quiet,
            speaking=self._speaking,
            raw_accumulated_speech=self._speech if not self._quiet else 0.0,
            raw_accumulated_silence=self._quiet,
        )
        self._event_ch.send_nowait(event)
