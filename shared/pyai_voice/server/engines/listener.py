"""The listening half of Hear, without a word of the wire: PCM and commits in, partial texts and endpoints out.

Above: the server's Hear session. Below: a recogniser, a voice detector, the segmenter. Time is the audio's
own: position 0 is the first sample fed, so feeding faster than real time changes nothing but the wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from ...audio import SampleAligner
from . import Priority, Recognition, Recognizer, VoiceDetector
from .facts import Endpoint, Fact, ListenerOptions, Partial, Reason
from .outbox import Outbox
from .quiet import quietest
from .segmenter import Segmenter
from .stability import StablePrefix
from .stream_rate import StreamRate
from .words import is_finished, write_final
from .workers import EngineBusyError

__all__ = ["Endpoint", "Fact", "Listener", "ListenerOptions", "Partial", "Reason"]

_INVENTED_BELOW, _IMPOSSIBLE_BELOW = -0.6, -1.0
"""Mean log-probability below which a text is taken for invention: where the voice is uncertain, where it is sure."""
_SURE_VOICE = 0.85
"""Mean likelihood of speech from which the voice is sure."""
_LEAST_SPEECH = ((_SURE_VOICE, 0.0), (0.6, 0.1), (0.0, 0.25))
"""How many seconds of speech must be there, by their mean likelihood; shorter is a noise."""

_SHORT, _LONG = 0.3, 1.0
"""Seconds of silence that end a finished sentence, and one that sounds unfinished."""
_LOOK_AFTER, _LOOK_AHEAD = 0.096, 0.1
"""Seconds of silence before the final is read ahead, and how long before the shortest endpoint."""
_PARTIAL_EVERY, _FIRST_EVERY, _FIRST_AFTER = 0.15, 0.06, 0.1
"""Seconds of audio between two partial readings; between two attempts at the first one; before the first attempt."""
_REST = 3.0
"""A partial starts no sooner after the last one began than this many times what that one took."""
_CARRY = 4.0
"""Seconds at the end of the longest utterance in which the quiet point to cut it is looked for."""
_PIECE = 0.1
"""Seconds of audio that are heard at once, before others get their turn."""
_PIECES = 100


@dataclass(frozen=True, slots=True)
class _Look:
    voiced_until: int
    task: asyncio.Task[Recognition]


class Listener:
    """Listens to one stream. Must be made inside a running event loop.

    ::

        listener = Listener(recognizer, detector, ListenerOptions(sample_rate=8000))
        await listener.feed(pcm)      # any size, any pace; waits while 100 chunks are unheard
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
        self._rate = StreamRate(options.sample_rate, detector.rate)
        self._unheard = bytearray()
        self._inbox = asyncio.Queue[bytes | Reason | None](_PIECES)
        self._outbox = Outbox[Fact]()
        self._look: _Look | None = None
        self._rest_until = 0.0
        self._heard_at_look = 0
        self._told = False
        self._prefix = StablePrefix()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._stopped)  # also where it was cancelled before its first step

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
        await asyncio.gather(self._task, return_exceptions=True)

    async def __aiter__(self) -> AsyncIterator[Fact]:
        """Yield every fact in order; raise what the engines raised."""
        while (fact := await self._outbox.take()) is not None:
            yield fact
        if not self._task.cancelled():
            self._task.result()

    # -- the stream's own task ----------------------------------------------------------------

    async def _run(self) -> None:
        while (item := await self._inbox.get()) is not None:
            await (self._hear(item) if isinstance(item, bytes) else self._commit(item))
        if self._flush():
            await self._end("eof")

    def _stopped(self, _: asyncio.Task[None]) -> None:
        self._drop_look()
        self._outbox.end()
        while not self._inbox.empty():  # lets a waiting feed() go on
            self._inbox.get_nowait()

    async def _hear(self, pcm: bytes) -> None:
        self._unheard += self._rate.feed(pcm)
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
            await self._end("max_utterance", carry=self._quiet_tail())
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
        segment, now = self._segmenter, asyncio.get_running_loop().time()
        every = _PARTIAL_EVERY if self._told else _FIRST_EVERY
        due = max(self._heard_at_look + every * segment.rate, segment.began + _FIRST_AFTER * segment.rate)
        if self._options.interim_results and self._idle and segment.position >= due and now >= self._rest_until:
            self._start_look(Priority.PARTIAL)

    @property
    def _idle(self) -> bool:
        if self._look is None or not self._look.task.done():
            return self._look is None
        self._look.task.result()  # raises what the engines raised
        return True

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
        self._look = _Look(covers, asyncio.create_task(self._read(segment.speech, priority)))
        return self._look

    def _drop_look(self) -> None:
        if self._look is not None:
            self._look.task.cancel()
        self._look = None

    async def _read(self, speech: bytes, priority: Priority) -> Recognition:
        loop, position = asyncio.get_running_loop(), self._heard_at_look
        began = loop.time()
        try:
            recognition = await self._recognizer.recognize(speech, priority, self._options.text.vocabulary)
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
            self._outbox.offer(Partial(*self._prefix.update(text), self._ms(position)))
            self._told = True

    def _accepted(self, recognition: Recognition) -> str:
        voice = self._segmenter.likelihood
        least = next(seconds for likelihood, seconds in _LEAST_SPEECH if voice >= likelihood)
        lowest = _IMPOSSIBLE_BELOW if voice >= _SURE_VOICE else _INVENTED_BELOW
        believed = self._segmenter.voiced >= least and recognition.log_probability >= lowest
        return recognition.text if believed and any(map(str.isalnum, recognition.text)) else ""

    # -- the end of an utterance ----------------------------------------------------------------

    async def _commit(self, reason: Reason) -> None:
        if self._flush():
            await self._end(reason)
        else:
            await self._tell_end("", reason)

    def _flush(self) -> bool:
        """Take in what the resampler and the last incomplete frame hold back; tell whether there is speech."""
        rest = bytes(self._unheard) + self._rate.flush()
        self._unheard.clear()
        return self._segmenter.force(rest)

    async def _end(self, reason: Reason, carry: bytes = b"") -> None:
        """Tell the utterance's final text; ``carry``, its last part, opens the next one."""
        segment = self._segmenter
        if carry:
            self._drop_look()
            segment.drop(carry)
        text = write_final(self._accepted(await self._final_look().task), self._options.text)
        if text or self._told or reason in ("client_commit", "eof"):
            await self._tell_end(text, reason)
        segment.close(carry)
        self._look, self._told, self._prefix = None, False, StablePrefix()
        self._heard_at_look = segment.position

    def _quiet_tail(self) -> bytes:
        """Return the end of a long utterance, from the quietest point on."""
        tail = self._segmenter.speech[-2 * round(_CARRY * self._segmenter.rate) :]
        return tail[2 * quietest(tail, self._segmenter.rate) :]

    async def _tell_end(self, text: str, reason: Reason) -> None:
        segment = self._segmenter
        now = self._ms(segment.position)
        began = self._ms(segment.began) if segment.speaking else now
        voiced = self._ms(segment.voiced_until) - began if segment.speaking else 0
        await self._outbox.put(Endpoint(text, now, voiced, reason, began))

    def _ms(self, position: int) -> int:
        return 1000 * position // self._segmenter.rate
