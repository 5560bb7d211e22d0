"""Listens to one call until it knows who has answered: telephone sound in, a verdict out.

Above: :mod:`.stream`. Below: the sound of each 20 ms, the voice detector, the reader and the judge. Time is the
audio's own, so feeding faster than real time changes nothing but when words are known.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...g711 import RATE
from ..engines.stream_rate import StreamRate
from .dial import DEFAULT, dial
from .judge import Judge, Verdict
from .reader import Reader
from .sound import HOP, Sound
from .speech import Speech

if TYPE_CHECKING:
    from ..engines.load import Engines

__all__ = ["Detector", "DetectorOptions"]

_HOP = 2 * round(HOP * RATE)


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """How to listen to a call."""

    aggressiveness: float = DEFAULT
    """How little evidence is enough, 0 to 1."""
    timeout: float | None = None
    """Seconds of audio after which the verdict is ``unknown``; None: as late as the house allows."""
    settled: bool = False
    """Wait for each reading before going on, so that the verdict depends on the audio alone."""


class Detector:
    """One call. Must be made inside a running event loop; close it with :meth:`aclose`."""

    def __init__(self, engines: Engines, options: DetectorOptions | None = None) -> None:
        options = options or DetectorOptions()
        self._settled = options.settled
        self._judge = Judge(dial(options.aggressiveness), options.timeout)
        self._sound = Sound()
        self._speech = Speech()
        self._voice = engines.new_detector()
        self._reader = Reader(engines.recognizer)
        if engines.recognizer.rate != self._voice.rate:
            raise ValueError("recognizer and detector must work at the same rate")
        self._rate = StreamRate(RATE, self._voice.rate)
        self._unheard = bytearray()
        self._detected = 0
        self._rest = b""
        self.verdict: Verdict | None = None
        """Who has answered, once it is known."""

    async def hear(self, pcm: bytes) -> Verdict | None:
        """Take pcm16 mono at 8000 Hz in pieces of any size (whole samples); return the verdict once it is known.

        What comes after it is not heard. Raises what the engines raise.
        """
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % _HOP
        self._rest = pcm[whole:]
        for start in range(0, whole, _HOP):
            if self.verdict is not None:
                break
            await self._hop(pcm[start : start + _HOP])
            await asyncio.sleep(0)
        return self.verdict

    async def finish(self) -> Verdict:
        """The call is over: return the verdict on what was heard."""
        if self.verdict is None:
            await self._reader.settle()
            self._reader.look(self._speech)
            await self._reader.settle()
            self._reader.look(self._speech)
            self.verdict = self._judge.end(self._speech, self._reader.evidence)
        return self.verdict

    async def aclose(self) -> None:
        """Stop; what is being read is dropped."""
        await self._reader.aclose()

    async def _hop(self, pcm: bytes) -> None:
        self._listen(self._rate.feed(pcm))
        (moment,) = self._sound.feed(pcm)
        self._reader.look(self._speech)
        if self._settled:
            await self._reader.settle()
            self._reader.look(self._speech)
        self.verdict = self._judge.hear(
            moment, self._speech, self._reader.evidence, reading=self._reader.reading(self._speech)
        )

    def _listen(self, wide: bytes) -> None:
        """Ask the voice detector about each of its frames that is complete."""
        self._reader.feed(wide)
        self._unheard += wide
        size = 2 * self._voice.frame
        while len(self._unheard) >= size:
            likely = self._voice.probability(bytes(self._unheard[:size]))
            del self._unheard[:size]
            self._detected += self._voice.frame
            self._speech.hear(self._detected / self._voice.rate, likely)
