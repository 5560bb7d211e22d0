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
from .end_of_turn import LONGEST_SILENCE, EndOfTurn
from .facts import Endpoint, Fact, ListenerOptions, Partial, Reason
from .outbox import Outbox
from .quiet import quietest
from .segmenter import Segmenter
from .stability import StablePrefix
from .stream_rate import StreamRate
from .vocabulary import Vocabulary
from .words import write_final
from .workers import EngineBusyError

__all__ = ["Endpoint", "Fact", "Listener", "ListenerOptions", "Partial", "Reason"]

_INVENTED_BELOW, _IMPOSSIBLE_BELOW = -0.6, -1.0
"""Mean log-probability below which a text is taken for invention: where the voice is uncertain, where it is sure."""
_SURE_VOICE = 0.85
"""Mean likelihood of speech from which the voice is sure."""
_LEAST_SPEECH = ((_SURE_VOICE, 0.0), (0.6, 0.1), (0.0, 0.25))
"""How many seconds of speech must be there, by their mean likelihood; shorter is a noise."""

_SHORT = 0.3
"""Seconds of silence that end an utterance at the earliest, unless the caller asked for another time."""
_LOOK_AFTER, _LOOK_AHEAD = 0.096, 0.1
"""Seconds of silence before the final is read ahead, and how long before the shortest endpoint."""
_PARTIAL_EVERY, _FIRST_EVERY, _FIRST_AFTER = 0.15, 0.06, 0.1
"""Seconds of audio between two partial readings; between two attempts at the first one; before the first attempt."""
_REST = 3.0
"""A partial starts no sooner after the last one began than this many times what that one took."""
_TELEPHONE = 8000
"""Samples a second up to which audio is taken for that of a telephone."""
_CARRY = 4.0
"""Seconds at the end of the longest utterance in which the quiet point to cut it is looked for."""
_PIECE = 0.1
"""Seconds of audio that are heard at once, before others get their turn."""
_PIECES = 100


@dataclass(frozen=True, slots=True)
class _Look:
    voiced_until: int
    task: asyncio.Task[Recognition]
    sound: asyncio.Task[float | None] | None = None
    """What the second voice thinks of the end."""

    def cancel(self) -> None:
        self.task.cancel()
        if self.sound is not None:
            self.sound.cancel()


@dataclass(frozen=True, slots=True)
class _Endpointing:
    seconds: float | None


_Item = bytes | Reason | _Endpointing | Vocabulary | None


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

    def __init__(
        self,
        recognizer: Recognizer,
        detector: VoiceDetector,
        options: ListenerOptions,
        end_of_turn: EndOfTurn | None = None,
    ) -> None:
        """Without ``end_of_turn`` the words alone say whether an utterance is finished."""
        if recognizer.rate != detector.rate:
            raise ValueError("recognizer and detector must work at the same rate")
        self._recognizer = recognizer
        self._end_of_turn = end_of_turn or EndOfTurn()
        self._options = options
        self._segmenter = Segmenter(detector, telephone=options.sample_rate <= _TELEPHONE)
        self._aligner = SampleAligner()
        self._rate = StreamRate(options.sample_rate, detector.rate)
        self._unheard = bytearray()
        self._inbox = asyncio.Queue[_Item](_PIECES)
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
        return round(1000 * self._shortest)

    @property
    def position(self) -> float:
        """Seconds of audio that were heard so far: what was fed faster than real time waits its turn."""
        return self._segmenter.position / self._segmenter.rate

    async def set_endpointing(self, seconds: float | None) -> None:
        """Change the trailing silence after the audio fed so far; None as in :class:`ListenerOptions`."""
        await self._send(_Endpointing(seconds))

    async def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Listen for these terms after the audio fed so far."""
        await self._send(vocabulary)

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

    async def _send(self, item: _Item) -> None:
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
            match item:
                case bytes():
                    await self._hear(item)
                case _Endpointing(seconds):
                    self._options = replace(self._options, endpointing=seconds)
                case Vocabulary():
                    self._options = replace(self._options, text=replace(self._options.text, vocabulary=item))
                case _:
                    await self._commit(item)
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
        segment = self._segmenter
        if not segment.speaking:
            return
        if segment.length >= self._options.max_utterance and segment.silence < self._longest:
            await self._end("max_utterance", carry=self._quiet_tail())
        elif segment.silence >= min(self._shortest, max(_LOOK_AFTER, self._shortest - _LOOK_AHEAD)):
            await self._judge()
        else:
            self._look_meanwhile()

    @property
    def _shortest(self) -> float:
        """Seconds of silence that end a finished utterance."""
        return _SHORT if self._options.endpointing is None else self._options.endpointing

    @property
    def _longest(self) -> float:
        """Seconds of silence that end any utterance."""
        return self._shortest if self._options.recording else max(self._shortest, LONGEST_SILENCE)

    async def _judge(self) -> None:
        """Read the utterance while the silence grows; end it when it has been silent for as long as it needs."""
        look, silence = self._final_look(), self._segmenter.silence
        if silence < self._shortest:
            return
        patience = await self._patience(look)
        if silence >= min(patience, self._longest):
            await self._end("silence" if patience >= LONGEST_SILENCE else "endpoint")

    async def _patience(self, look: _Look) -> float:
        text = self._accepted(await look.task)
        return self._end_of_turn.patience(text, None if look.sound is None else await look.sound)

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
            look = self._start_look(Priority.RECORDING if self._options.recording else Priority.FINAL)
        return look

    def _start_look(self, priority: Priority) -> _Look:
        segment = self._segmenter
        self._heard_at_look = segment.position
        reading = asyncio.create_task(self._read(segment.speech, priority))
        if priority is Priority.PARTIAL:
            self._look = _Look(-1, reading)
        else:
            sound = asyncio.create_task(self._end_of_turn.listen(segment.speech))
            self._look = _Look(segment.voiced_until, reading, sound)
        return self._look

    def _drop_look(self) -> None:
        if self._look is not None:
            self._look.cancel()
        self._look = None

    async def _read(self, speech: bytes, priority: Priority) -> Recognition:
        loop, position = asyncio.get_running_loop(), self._heard_at_look
        began = loop.time()
        try:
            recognition = await self._recognizer.recognize(speech, priority, self._options.text.vocabulary)
        except EngineBusyError:
            if priority is not Priority.PARTIAL:
                raise
            return Recognition("", 0.0)
        finally:
            self._rest_until = began + _REST * (loop.time() - began)
        self._tell_partial(self._accepted(recognition), position)
        return recognition

    def _tell_partial(self, text: str, position: int) -> None:
        if text and self._options.interim_results:
            self._outbox.offer(Partial(*self._prefix.update(text), self._ms(position), text))
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
