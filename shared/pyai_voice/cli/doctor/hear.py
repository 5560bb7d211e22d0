"""Hear on a spoken sentence: the first words before it ends, and the final soon after."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from ...audio import AudioFormat, peak
from ...events import Connected, HearEvent, Transcript
from ...hear import HearStream
from ...options import HearOptions, LinkOptions, TurnPolicy
from .finding import Bench, Finding, Status
from .speak import SENTENCE

__all__ = ["ONE_TRY", "look"]

ONE_TRY = LinkOptions(open_timeout=5.0, ride_through=0.0)
"""Trouble is what is looked for: no riding through."""
_FRAME = 0.02
_SOUND = 500
"""Sample value of speech."""
_PATIENCE = 5.0
"""Seconds after the sentence."""
_SLOW_WORDS = 1.0
_SLOW_FINAL = 1.5
_UNDERSTOOD = 0.7
"""Share of the words."""
_BUSY = "Look at the network, and at how busy this machine and the server are"


async def look(bench: Bench) -> None:
    """Let it hear the sentence that Speak has said, at both rates. Raises PyAIError."""
    if not bench.may("Hear", "hear:stream"):
        return
    if not bench.speech:
        await _only_connect(bench)
    for rate, pcm in bench.speech.items():
        check = f"Hear at {rate // 1000} kHz"
        heard = _Heard(pcm, AudioFormat(rate))
        await _converse(bench, heard)
        bench.tell(heard.words(check))
        bench.tell(heard.final(check))


async def _only_connect(bench: Bench) -> None:
    async with bench.client.hear(link=ONE_TRY) as stream:
        async for event in stream:
            if isinstance(event, Connected):
                said = "takes connections; there is no speech to try it with"
                bench.tell(Finding("Hear", Status.WARN, said, "See Speak above", event.took))
                return


async def _converse(bench: Bench, heard: _Heard) -> None:
    options = HearOptions(sample_rate=heard.form.rate, turns=TurnPolicy(authority="cue"))
    async with bench.client.hear(options, link=ONE_TRY) as stream:
        playing: asyncio.Task[None] | None = None
        try:
            async for event in stream:
                if isinstance(event, Connected):
                    playing = asyncio.create_task(_play(stream, heard))
                heard.take(event)
                if heard.done:
                    break
        finally:
            if playing is not None:
                playing.cancel()
                await asyncio.gather(playing, return_exceptions=True)


async def _play(stream: HearStream, heard: _Heard) -> None:
    """Send the sentence and then silence, each frame at its time; in the end give up."""
    size = heard.form.size(_FRAME)
    began = heard.began = time.perf_counter()
    audio = heard.pcm + bytes(heard.form.size(_PATIENCE))
    for number, start in enumerate(range(0, len(audio), size)):
        stream.send_audio(audio[start : start + size])
        await asyncio.sleep(max(0.0, began + (number + 1) * _FRAME - time.perf_counter()))
    await stream.aclose()


@dataclass
class _Heard:
    """What came, and when."""

    pcm: bytes
    form: AudioFormat
    began: float = 0.0
    first: float | None = None
    """When the first words came, in seconds of the sentence."""
    last: float | None = None
    """When the last final came."""
    text: str = ""

    def __post_init__(self) -> None:
        size = self.form.size(_FRAME)
        frames = range(0, len(self.pcm), size)
        loud = [number for number, at in enumerate(frames) if peak(self.pcm[at : at + size]) > _SOUND]
        self.onset = loud[0] * _FRAME if loud else 0.0
        self.end = (loud[-1] + 1) * _FRAME if loud else 0.0

    @property
    def done(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.last is not None and self.last >= self.end

    def take(self, event: HearEvent) -> None:
        """Note when words came."""
        if not isinstance(event, Transcript):
            return
        now = time.perf_counter() - self.began
        self.first = now if self.first is None else self.first
        if event.final:
            self.text = f"{self.text} {event.text}".strip()
            self.last = now

    def words(self, check: str) -> Finding:
        """Return what is to be said of the first words."""
        check = f"{check}, first words"
        if self.first is None:
            return Finding(check, Status.FAIL, "it heard nothing", "Try another voice; then ask PyAI's support")
        took = max(0.0, self.first - self.onset)
        if self.first >= self.end:
            return Finding(check, Status.WARN, "they came only after the sentence", _BUSY, took)
        said = f"after the first sound, {self.end - self.first:.1f} s before the sentence ended"
        return Finding(check, Status.PASS if took <= _SLOW_WORDS else Status.WARN, said, "", took)

    def final(self, check: str) -> Finding:
        """Return what is to be said of the final."""
        check = f"{check}, final"
        if self.last is None:
            return Finding(check, Status.FAIL, f"none within {_PATIENCE:g} s of the sentence's end", _BUSY)
        took = max(0.0, self.last - self.end)
        wanted, came = SENTENCE.lower().split(), set(_bare(self.text).split())
        share = sum(word in came for word in wanted) / len(wanted)
        if share < _UNDERSTOOD:
            said = f"understood {share:.0%} of the words: {self.text[:60]!r}"
            return Finding(check, Status.WARN, said, "Try another voice, or set the language", took)
        if took > _SLOW_FINAL:
            return Finding(check, Status.WARN, "slow, counted from the end of speech", _BUSY, took)
        return Finding(check, Status.PASS, f"after the end of speech; {share:.0%} of the words", "", took)


def _bare(text: str) -> str:
    return "".join(sign if sign.isalpha() else " " for sign in text.lower())
