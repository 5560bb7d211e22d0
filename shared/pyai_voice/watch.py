"""All eyes on the open turn: the caller's loudness, who may end it, a guess when it ends. No I/O, no clock.

Above: :mod:`pyai_voice.hear`. Below: :mod:`.loudness`, :mod:`.turns`, :mod:`.eager`.
"""

from __future__ import annotations

from .audio import AudioFormat
from .eager import TurnPredictor
from .events import HearEvent
from .loudness import Loudness
from .options import HearOptions
from .turns import Overdue, TurnKeeper

__all__ = ["TurnWatch"]


class TurnWatch:
    """Is told of all audio and all events of a stream."""

    def __init__(self, options: HearOptions, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._position = 0
        self._loudness: Loudness | None = None
        self._keeper = TurnKeeper(options)
        self._predictor = TurnPredictor(options.cue)
        self.configure(options)

    @property
    def open(self) -> bool:
        """Whether a turn is open: then :meth:`look` now and again."""
        return self._keeper.open

    def configure(self, options: HearOptions) -> None:
        """Take new options from now on. Loudness is measured only where somebody needs it."""
        self._keeper.configure(options)
        self._predictor.options = options.cue
        if self._loudness is None and (options.turns.authority == "cue" or options.cue.eager):
            self._loudness = Loudness(self._format, self._format.seconds(self._position))

    def hear(self, pcm: bytes) -> list[HearEvent]:
        """Take the caller's audio; return what is to be told."""
        self._position += len(pcm)
        if self._loudness is None:
            return []
        self._loudness.feed(pcm)
        return self._predictor.hear(self._loudness.position, self._loudness.loud_to)

    def take(self, event: HearEvent, now: float) -> list[HearEvent]:
        """Take an event of the stream at ``now``, seconds of any clock; return what is to be told before it."""
        self._keeper.take(event, now)
        return self._predictor.take(event)

    def look(self, now: float) -> Overdue | None:
        """Tell what to do with the open turn, if it is overdue."""
        return self._keeper.decide(now, self._loudness.quiet if self._loudness else 0.0)
