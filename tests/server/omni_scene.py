"""A conversation without a server, in virtual time, with a caller whose words are what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, TypeVar

from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.server.brain import Brain
from pyai_voice.server.brain.scripted import ScriptedBrain
from pyai_voice.server.engines import Priority, Recognition
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.engines.vocabulary import Vocabulary
from pyai_voice.server.engines.workers import Workers
from pyai_voice.server.omni.conversation import Conversation
from pyai_voice.server.omni.facts import AgentAudio, Fact
from pyai_voice.server.omni.habits import Habits
from pyai_voice.testing import FRAME, coded_speech, frames_in
from pyai_voice.testing.coded import read_frames
from pyai_voice.testing.engines import CodedSynthesizer, SoundDetector
from tests.virtual_time import run

_F = TypeVar("_F", bound=Fact)

SLOT = 0.02
Test = Callable[..., Coroutine[Any, Any, None]]
LOOK = Tool(name="look")
LONG = "This answer is long enough that the caller can say something while it is being spoken to them."
"""About 4.7 s."""


class WordRecognizer:
    """Hears the words that belong to coded frames; of a part of them, the first words."""

    name = "words"
    rate = 16000
    languages = frozenset({"en"})
    longest = 60.0

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.delay = 0.01
        """Seconds that it takes to hear anything."""
        self._said: list[tuple[range, str]] = []
        self._next = 0

    def prepare(self, text: str, seconds: float) -> bytes:
        """Return the sound of some words; of the empty text, a voice without words."""
        frames = range(self._next, self._next + round(seconds / SLOT))
        self._next = frames.stop
        self._said.append((frames, text))
        return coded_speech(len(frames), frames.start)

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        heard = set(frames_in(read_frames(pcm)))
        text = " ".join(filter(None, (self._part(heard, *said) for said in self._said)))
        return Recognition(vocabulary.correct(text) if vocabulary else text, 0.0)

    def _part(self, heard: set[int], frames: range, text: str) -> str:
        words = text.split()
        ends = [frames.start + len(frames) * (number + 1) // len(words) - 1 for number in range(len(words))]
        return " ".join(word for word, end in zip(words, ends, strict=True) if end in heard)


class BreakableVoice(CodedSynthesizer):
    """A voice that fails on demand."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def stream(self, text: str, voice_id: str = "", speed: float = 1.0) -> AsyncIterator[bytes]:
        if self.error is not None:
            raise self.error
        async for pcm in super().stream(text, voice_id, speed):
            yield pcm


class Scene:
    """One conversation; every fact is noted with the time that it came."""

    def __init__(
        self, conversation: Conversation, brain: Brain, recognizer: WordRecognizer, voice: BreakableVoice
    ) -> None:
        self.conversation = conversation
        self.voice = voice
        self.brain = brain
        self.recognizer = recognizer
        self.facts: list[Fact] = []
        self.times: list[float] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def prompts(self) -> list[Any]:
        assert isinstance(self.brain, ScriptedBrain)
        return self.brain.prompts

    async def _read(self) -> None:
        async for fact in self.conversation:
            self.facts.append(fact)
            self.times.append(self.now)
            self._changed.set()
        self._changed.set()

    async def play(self, pcm: bytes) -> None:
        """Play sound to the agent in real time."""
        for start in range(0, len(pcm), FRAME):
            await self.conversation.feed(pcm[start : start + FRAME])
            await asyncio.sleep(SLOT)

    async def say(self, text: str, seconds: float = 0.6) -> None:
        """Speak."""
        await self.play(self.recognizer.prepare(text, seconds))

    async def quiet(self, seconds: float) -> None:
        """Be silent."""
        await self.play(bytes(FRAME * round(seconds / SLOT)))

    def all(self, kind: type[_F]) -> list[_F]:
        """Return what was told of a kind so far."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def time_of(self, wanted: Fact) -> float:
        """Return when a fact came."""
        return next(time for time, fact in zip(self.times, self.facts, strict=True) if fact is wanted)

    def sound(self, reply: str) -> float:
        """Return the seconds of a reply that were handed out."""
        return sum(len(fact.pcm) for fact in self.all(AgentAudio) if fact.reply == reply) / 48000

    async def aclose(self) -> None:
        await self.conversation.aclose()
        await self._task


@asynccontextmanager
async def scene(
    lines: Iterable[Sequence[Any] | str] = (),
    *,
    brain: Brain | None = None,
    habits: Habits | None = None,
    passages: Any = None,
    poster: Any = None,
    **agent: Any,
) -> AsyncGenerator[Scene]:
    """Open a conversation with a scripted brain unless another is given; ``agent`` are fields of OmniOptions."""
    recognizer, voice, brain = WordRecognizer(), BreakableVoice(), brain or ScriptedBrain(lines)
    engines = Engines(recognizer, voice, SoundDetector, str.lower, Workers(1))
    conversation = Conversation(
        engines,
        brain,
        OmniOptions(**agent),
        caller_rate=16000,
        output_rate=24000,
        habits=habits,
        passages=passages,
        poster=poster,
    )
    made = Scene(conversation, brain, recognizer, voice)
    try:
        yield made
    finally:
        await made.aclose()
        await engines.aclose()


def virtual(test: Test) -> Callable[..., None]:
    """Run a test in virtual time."""

    @wraps(test)
    def in_virtual_time(*arguments: Any, **named: Any) -> None:
        run(test(*arguments, **named))

    return in_virtual_time
