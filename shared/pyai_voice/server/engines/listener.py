"""The listening half of Hear, without a word of the wire: PCM and commits in, partial texts and endpoints out.

Above: the server's Hear session. Below: a recogniser, a voice detector, the segmenter. Time is the audio's
own: position 0 is the first sample fed, so feeding faster than real time changes nothing but the wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Literal

from ...audio import Resampler, SampleAligner
from . import Priority, Recognition, Recognizer, VoiceDetector
from .outbox import Outbox
from .segmenter import Segmenter
from .stability import StablePrefix
from .words import TextOptions, is_finished, write_final
from .workers import EngineBusyError

__all__ = ["Endpoint", "Fact", "Listener", "ListenerOptions", "Partial", "Reason"]

Reason = Literal["endpoint", "client_commit", "max_utterance", "eof"]
"""Why an utterance ended."""

INVENTED_BELOW = -0.6
"""Mean log-probability below which a text is taken for the recogniser's invention and dropped."""

_SHORT, _LONG = 0.3, 1.0
"""Seconds of silence that end a finished sentence, and one that sounds unfinished."""
_LOOK_AFTER, _LOOK_AHEAD = 0.096, 0.16
"""Seconds of silence before the final is read ahead, and how long before the shortest endpoint."""
_PARTIAL_EVERY = 0.15
"""Seconds of audio between two partial readings."""
_REST = 3.0
"""A partial starts no sooner after the last one began than this many times what that one took."""
_CARRY = 4.0
"""Seconds at the end of the longest utterance in which a quiet point to cut is looked for."""
_PIECE = 0.1
"""Seconds of audio that are heard at once, before others get their turn."""
_PIECES = 100


@dataclass(frozen=True, slots=True)
class ListenerOptions:
    """How to listen."""

    sample_rate: int = 16000
    """Samples a second of what is fed, 8000 to 48000."""
    endpointing: float | None = None
    """Seconds of silence that end an utterance; None: 0.3 after a finished sentence, 1.0 after an unfinished one."""
    interim_results: bool = True
    """Whether partials are wanted."""
    max_utterance: float = 30.0
    """Seconds after which an utterance is ended while the speaker goes on."""
    text: TextOptions = TextOptions()
    """How finals are written."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What the open utterance says so far: replaces the last one."""

    text: str
    """Never empty."""
    stable: str
    """The prefix of ``text`` that later partials of this utterance repeat; may be empty."""
    t_ms: int
    """Up to which position of the audio, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An utterance is over. Exactly one for each commit."""

    text: str
    """Its words; empty when nothing was said (after a commit, or where partials turned out to be noise)."""
    t_ms: int
    """Position of the audio at the decision, in milliseconds."""
    audio_ms: int
    """How long the speech lasted, without the silence around it, in milliseconds."""
    reason: Reason


Fact = Partial | Endpoint


@dataclass(frozen=True, slots=True)
class _Look:
    voiced_until: int
    task: asyncio.Task[Recognition]


class Listener:
    """Listens to one stream. Must be made inside a running event loop.

    ::

        listener = Listener(recognizer, detector, ListenerOptions(sample_rate=8000))
        await listener.feed(pcm)      # any size, any pace; waits while 10 s of audio are unheard
        await listener.commit()       # exactly one Endpoint with reason client_commit follows
        async for fact in listener:   # in a task of its own; ends after finish() or aclose()
            ...
        await listener.aclose()

    An error of the engines ends the stream and is raised by the iteration.
    """

    def __init__(self, recognizer: Recognizer, detector: VoiceDetector, options: ListenerOptions) -> None:
        if recognizer.rate != detector.rate:
            raise ValueError("recognizer and detector must work at the same rate")
        self._recognizer = recognizer
        self._options = options
        self._segmenter = Segmenter(detector)
        self._aligner = SampleAligner()
        self._resampler = self._new_resampler()
        self._unheard = bytearray()
        self._inbox = asyncio.Queue[bytes | Reason | None](_PIECES)
        self._outbox = Outbox[Fact]()
        self._look: _Look | None = None
        self._rest_until = 0.0
        self._heard_at_look = 0
        self._told = False
        self._prefix = StablePrefix()
        self._task = asyncio.create_task(self._run())

    @property
    def endpointing_ms(self) -> int:
        """The least trailing silence that ends an utterance, in milliseconds."""
        return round(1000 * self._hangover[0])

    def set_endpointing(self, seconds: float | None) -> None:
        """Change the trailing silence from now on; None as in :class:`ListenerOptions`."""
        self._options = replace(self._options, endpointing=seconds)

    async def feed(self, pcm: bytes) -> None:
        """Hear pcm16 mono at the options' rate; half a sample at the end is kept for the next call."""
        pcm = self._aligner.feed(pcm)
        size = 2 * round(self._options.sample_rate * _PIECE)
        for start in range(0, len(pcm), size):
            await self._send(pcm[start : start + size])

    async def commit(self, reason: Reason = "client_commit") -> None:
        """End the utterance here, silence or not: one Endpoint with this reason follows, even without words."""
        await self._send(reason)

    async def finish(self) -> None:
        """Say that no audio comes any more: an open utterance ends with reason ``eof``, then the iteration ends."""
        await self._send(None)

    async def _send(self, item: bytes | Reason | None) -> None:
        if not self._task.done():
            await self._inbox.put(item)

    async def aclose(self) -> None:
        """Stop at once; untold facts are lost. Safe to call twice."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def __aiter__(self) -> AsyncIterator[Fact]:
        """Yield every fact in order; raise what the engines raised."""
        while (fact := await self._outbox.take()) is not None:
            yield fact
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    # -- the stream's own task ----------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while (item := await self._inbox.get()) is not None:
                await (self._hear(item) if isinstance(item, bytes) else self._commit(item))
            if self._flush():
                await self._end("eof")
        finally:
            self._drop_look()
            self._outbox.end()
            while not self._inbox.empty():  # lets a waiting feed() go on
                self._inbox.get_nowait()

    async def _hear(self, pcm: bytes) -> None:
        self._unheard += self._resampler.feed(pcm)
        size = self._segmenter.frame_bytes
        while len(self._unheard) >= size:
            frame = bytes(self._unheard[:size])
            del self._unheard[:size]
            self._segmenter.feed(frame)
            await self._decide()
        await asyncio.sleep(0)

    async def _decide(self) -> None:
        segment, (shortest, longest) = self._segmenter, self._hangover
        if not segment.speaking:
            return
        if segment.silence >= longest:
            await self._end("endpoint")
        elif segment.length >= self._options.max_utterance:
            await self._end("max_utterance")
        elif segment.silence >= max(_LOOK_AFTER, shortest - _LOOK_AHEAD):
            await self._look_ahead(segment.silence >= shortest)
        else:
            self._look_meanwhile()

    @property
    def _hangover(self) -> tuple[float, float]:
        fixed = self._options.endpointing
        return (_SHORT, _LONG) if fixed is None else (fixed, fixed)

    async def _look_ahead(self, long_enough: bool) -> None:
        """Read the utterance while the silence grows; end it early when it reads like a whole sentence."""
        look = self._final_look()
        if long_enough and is_finished(self._accepted(await look.task)):
            await self._end("endpoint")

    def _look_meanwhile(self) -> None:
        now = asyncio.get_running_loop().time()
        due = self._heard_at_look + _PARTIAL_EVERY * self._segmenter.rate
        busy = self._look is not None and not self._look.task.done()
        if self._options.interim_results and not busy and self._segmenter.position >= due and now >= self._rest_until:
            self._start_look(Priority.PARTIAL)

    def _final_look(self) -> _Look:
        """Return the reading of everything said so far; a reading of less is dropped, it never delays this one."""
        look = self._look
        if look is None or look.voiced_until != self._segmenter.voiced_until:
            self._drop_look()
            look = self._start_look(Priority.FINAL)
        return look

    def _start_look(self, priority: Priority) -> _Look:
        segment = self._segmenter
        self._heard_at_look = segment.position
        covers = segment.voiced_until if priority is Priority.FINAL else -1
        self._look = _Look(covers, asyncio.create_task(self._read(segment.speech, segment.position, priority)))
        return self._look

    def _drop_look(self) -> None:
        if self._look is not None:
            self._look.task.cancel()
        self._look = None

    async def _read(self, speech: bytes, position: int, priority: Priority) -> Recognition:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            recognition = await self._recognizer.recognize(speech, priority)
        except EngineBusyError:
            if priority is Priority.FINAL:
                raise
            return Recognition("", 0.0)
        finally:
            self._rest_until = began + _REST * (loop.time() - began)
        self._tell_partial(self._accepted(recognition), position)
        return recognition

    def _tell_partial(self, text: str, position: int) -> None:
        if text and self._options.interim_results:
            corrected = self._options.text.vocabulary.correct(text)
            self._outbox.offer(Partial(*self._prefix.update(corrected), self._ms(position)))
            self._told = True

    def _accepted(self, recognition: Recognition) -> str:
        return recognition.text if recognition.log_probability >= INVENTED_BELOW else ""

    # -- the end of an utterance ----------------------------------------------------------------

    async def _commit(self, reason: Reason) -> None:
        if self._flush():
            await self._end(reason)
        else:
            await self._outbox.put(Endpoint("", self._ms(self._segmenter.position), 0, reason))

    def _flush(self) -> bool:
        """Take in what the resampler and the last incomplete frame hold back; tell whether there is speech."""
        rest = bytes(self._unheard) + self._resampler.feed(b"", last=True)
        self._unheard.clear()
        self._resampler = self._new_resampler()
        return self._segmenter.force(rest)

    async def _end(self, reason: Reason) -> None:
        segment = self._segmenter
        look = self._final_look()
        text = write_final(self._accepted(await look.task), self._options.text)
        if text or self._told or reason in ("client_commit", "eof"):
            voiced = round(1000 * segment.voiced)
            await self._outbox.put(Endpoint(text, self._ms(segment.position), voiced, reason))
        segment.close()
        self._look, self._told, self._prefix = None, False, StablePrefix()
        self._heard_at_look = segment.position

    def _ms(self, position: int) -> int:
        return 1000 * position // self._segmenter.rate

    def _new_resampler(self) -> Resampler:
        rate = self._options.sample_rate
        return Resampler(rate, self._segmenter.rate, quality="QQ" if rate < self._segmenter.rate else "MQ")
