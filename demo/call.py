"""One call: the caller's audio goes to a bot in real time, the bot's comes back, and every moment is noted.

A framework's headless side (:mod:`demo.headless`) pulls :meth:`Call.microphone`, pushes to :meth:`Call.play`, and
reports what the bot understands and does. The caller speaks a line, waits until the bot has answered, and goes on.
PCM is 16-bit little-endian mono; all moments are seconds of ``time.time()``.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from pyai_voice.audio import AudioFormat

__all__ = ["BOT", "CALLER", "Call", "CallError", "Exchange", "Line"]

CALLER = AudioFormat(16000)
"""How the caller's audio goes in."""
BOT = AudioFormat(24000)
"""How the bot's audio comes out."""
CHUNK = 0.02
"""Seconds of audio at a time."""
ANSWER_TIMEOUT = 15.0
"""Seconds within which a bot must have begun to answer."""
SPEECH_TIMEOUT = 40.0
"""Seconds within which a bot must have said its answer."""
PATIENCE = 3.0
"""Seconds of silence after which an answer that came in the middle of the line counts as the answer."""
INTRUSION = 0.8
"""Seconds of the bot's answer that a caller hears who then interrupts it."""
GAP = 0.3
"""Seconds without any audio of the bot after which it begins anew."""
AUDIBLE = 300
"""Amplitude (of 32768) from which on a sample can be heard."""

_CHECK = "Check OPENAI_BASE_URL, PYAI_BASE_URL and the keys, if you set them; more is in out/demo.log"


class CallError(Exception):
    """The call cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """Something that the caller says."""

    pcm: bytes
    """16 kHz; 16-bit little-endian mono."""
    onset: float
    """Where the speech begins, in seconds."""
    end: float
    """Where it ends, in seconds; what follows is silence."""
    text: str = ""
    """The words, where they are known."""


@dataclass(slots=True)
class Exchange:
    """A line of the caller and the bot's answer, with the moments in between (None: it did not happen)."""

    line: Line | None
    """None for what the bot says unasked: its greeting."""
    onset: float | None = None
    speech_end: float | None = None
    sent: float | None = None
    first_partial: float | None = None
    final: float | None = None
    passages: float | None = None
    """When passages of a knowledge base came that fit what was said."""
    first_word: float | None = None
    first_audio: float | None = None
    first_played: float | None = None
    """When the first sample was played of what the bot began to say after the end of the caller's speech ..."""
    first_heard: float | None = None
    """... and when the first one that is loud enough to be heard: voices begin with some silence."""
    heard: list[str] = field(default_factory=list[str])
    """The final transcripts."""
    silenced: float | None = None
    """When the last sound had been played of the answer that this line interrupted."""
    tools: list[str] = field(default_factory=list[str])
    """Tools that the bot called, with what they gave."""
    requests: int = 0
    """How often the brain was asked."""
    reply: list[str] = field(default_factory=list[str])
    """What the bot answered, in sentences or whole."""
    audio: bytearray = field(default_factory=bytearray)
    """What the bot said, as played: 24 kHz."""

    def note(self, moment: str, at: float) -> None:
        """Note when something happened for the first time."""
        if getattr(self, moment) is None:
            setattr(self, moment, at)


class Call:
    """The wire between a caller and one bot."""

    def __init__(self, narrate: Callable[[str, str], None]) -> None:
        """Make a call; ``narrate(who, text)`` gets the transcript as it grows (who: partial, caller, bot or tool)."""
        self.exchanges = [Exchange(None)]
        self.history: list[str] = []
        """What the bot keeps of the conversation, message by message; known when the call is over."""
        self.passages: set[str] = set()
        """Every passage of a knowledge base that the bot was given."""
        self._narrate = narrate
        self._outgoing: deque[bytes] = deque()
        self._bot_speaking = False
        self._bot_quiet_since = 0.0
        self._saying: list[str] = []
        self._sound_began = self._sounded_until = 0.0
        self._failure = ""
        self._changed = asyncio.Event()

    @property
    def now(self) -> Exchange:
        """The exchange that is going on."""
        return self.exchanges[-1]

    # the caller's side

    async def greeting(self) -> Exchange:
        """Wait until the bot has greeted."""
        await self._until(self._answered, ANSWER_TIMEOUT, "The bot did not greet")
        return self.now

    async def say(self, line: Line, *, hear_out: bool = True) -> Exchange:
        """Say a line in real time, wait until the bot has answered, and return what happened.

        Without ``hear_out`` wait only until the answer can be interrupted by the next line. Raises CallError when the
        bot fails or does not answer in time.
        """
        exchange = Exchange(line)
        self.exchanges.append(exchange)
        size = CALLER.size(CHUNK)
        padded = line.pcm + bytes(-len(line.pcm) % size)
        self._outgoing.extend(padded[start : start + size] for start in range(0, len(padded), size))
        duration = CALLER.seconds(len(padded))
        await self._until(lambda: exchange.sent is not None, duration + 5, "The bot took no audio")
        await self._until(lambda: self._bot_speaking or self._answered(), ANSWER_TIMEOUT, "The bot did not answer")
        answered = self._answered if hear_out else self._can_be_interrupted
        await self._until(answered, SPEECH_TIMEOUT, "The bot did not finish its answer")
        return exchange

    def _can_be_interrupted(self) -> bool:
        heard = self.now.first_heard
        return heard is not None and time.time() - heard >= INTRUSION

    def _answered(self) -> bool:
        exchange = self.now
        if self._bot_speaking or not exchange.reply or not exchange.audio:
            return False
        return exchange.first_played is not None or time.time() - self._bot_quiet_since > PATIENCE

    async def _until(self, condition: Callable[[], bool], seconds: float, complaint: str) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not (condition() or self._failure):
                    await self._changed.wait()
        except TimeoutError:
            raise CallError(f"{complaint} within {seconds:.0f} s{self._guess()}. More is in out/demo.log") from None
        if self._failure:
            raise CallError(f"{self._failure}. {_CHECK}")

    def _guess(self) -> str:
        """Return what may be wrong when nothing happens."""
        unheard = self.now.line is not None and not self.now.heard
        return ", because Hear understood no word: use a louder, clearer recording in English" if unheard else ""

    def _pulse(self) -> None:
        """Let whoever waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    # the bot's side

    async def microphone(self) -> AsyncIterator[bytes]:
        """Yield 20 ms of the caller's audio every 20 ms, silence while nothing is said, without end."""
        silence = bytes(CALLER.size(CHUNK))
        due = time.monotonic()
        while True:
            yield self._outgoing_chunk() or silence
            self._pulse()
            due += CHUNK
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _outgoing_chunk(self) -> bytes | None:
        if not self._outgoing:
            return None
        exchange = self.now
        line = exchange.line
        assert line is not None, "only a line is ever queued"
        if exchange.onset is None:
            exchange.onset = time.time() + line.onset
            exchange.speech_end = time.time() + line.end
        chunk = self._outgoing.popleft()
        if not self._outgoing:
            exchange.sent = time.time()
        return chunk

    def play(self, pcm: bytes) -> None:
        """Take the bot's audio at the moment when it sounds."""
        exchange, now = self.now, time.time()
        exchange.audio += pcm
        if now - self._sounded_until > GAP:
            self._sound_began = now
        self._sounded_until = now + BOT.seconds(len(pcm))
        silence = _leading_silence(pcm)
        if exchange.line is None or (exchange.speech_end is not None and self._sound_began >= exchange.speech_end):
            exchange.note("first_played", now)
            if silence is not None:
                exchange.note("first_heard", now + silence)
        elif exchange.onset is not None and self._sound_began < exchange.onset and silence is not None:
            exchange.silenced = self._sounded_until

    def bot_started(self) -> None:
        """Note that the bot begins to speak."""
        self._bot_speaking = True

    def bot_stopped(self) -> None:
        """Note that the bot has finished, or was interrupted."""
        self._bot_speaking = False
        self._bot_quiet_since = time.time()
        if self._saying:
            self._narrate("bot", " ".join(self._saying))
            self._saying.clear()

    def partial(self, text: str) -> None:
        """Note what the bot understands so far."""
        self.now.note("first_partial", time.time())
        self._narrate("partial", text)

    def final(self, text: str) -> None:
        """Note what the bot has understood for good."""
        self.now.final = time.time()
        self.now.heard.append(text)
        self._narrate("caller", text)

    def grounded(self, passages: Iterable[str]) -> None:
        """Note passages of a knowledge base."""
        found = set(passages)
        self.passages |= found
        if found:
            self.now.note("passages", time.time())

    def asked(self) -> None:
        """Note that the brain is asked."""
        self.now.requests += 1

    def tool(self, name: str, arguments: object, result: object) -> None:
        """Note a tool that the bot has called."""
        called = f"{name}({arguments}) gave {result}"
        self.now.tools.append(called)
        self._narrate("tool", called)

    def word(self, at: float | None = None) -> None:
        """Note the first word of the brain."""
        self.now.note("first_word", at or time.time())

    def synthesized(self, at: float | None = None) -> None:
        """Note the first byte of speech."""
        self.now.note("first_audio", at or time.time())

    def replied(self, text: str) -> None:
        """Note what the bot says: words, sentences or all of it."""
        self.now.reply.append(text)
        if self._bot_speaking:
            self._saying.append(text)
        else:
            self._narrate("bot", text)

    def fail(self, reason: str) -> None:
        """End the call: the caller's side raises CallError with this reason."""
        self._failure = self._failure or reason
        self._pulse()


def _leading_silence(pcm: bytes) -> float | None:
    """Return the seconds before the first audible sample; None if there is none."""
    audible = np.flatnonzero(np.abs(np.frombuffer(pcm, np.int16).astype(np.int32)) >= AUDIBLE)
    return float(audible[0]) / BOT.rate if audible.size else None
