"""Whoever ends the turns, and however the caller talks: no word is lost or told twice, and each turn ends once.

The local server decides from the audio, whose every 20 ms is numbered; a real AgentSession takes the turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from livekit import rtc
from livekit.plugins import pyai

from pyai_voice.server.engines import Priority, Recognition
from pyai_voice.server.engines.vocabulary import Vocabulary
from pyai_voice.testing import (
    FRAME,
    Abort,
    FaultyServer,
    HearFault,
    coded_engines,
    coded_speech,
    frames_in,
    silence,
)
from pyai_voice.testing.engines import CodedRecognizer

from .headless import Call, call
from .loud import LoudVAD

NOISE = b"\x05\x00" * (FRAME // 2)
ENDED = silence(0.8)
SHORT = {"min_delay": 0.0, "max_delay": 1.0}


def by_cue(stt: pyai.STT) -> dict:
    return {"turn_handling": pyai.turn_handling(stt)}


def by_detector(stt: pyai.STT) -> dict:
    detector = pyai.CueTurnDetector(stt)
    return {"vad": LoudVAD(), "turn_handling": pyai.turn_handling(stt, turn_detection=detector, endpointing=SHORT)}


def by_framework(stt: pyai.STT) -> dict:
    return {"vad": LoudVAD(), "turn_handling": pyai.turn_handling(stt, turn_detection="vad", endpointing=SHORT)}


def by_client(stt: pyai.STT) -> dict:
    return {"turn_handling": pyai.turn_handling(stt)}


POLICIES = {
    "cue": ("cue", by_cue, {}),
    "eager": ("cue", by_cue, {"eager": True, "eager_threshold": 0.3}),
    "detector": ("cue", by_detector, {}),
    "framework": ("framework", by_framework, {}),
    "client": ("client", by_client, {}),
}


class Caller:
    """Talks in numbered frames, and checks at the end that the session has heard each of them once."""

    def __init__(self, running: Call, policy: str) -> None:
        self.running = running
        self.states = ["listening"]
        self.finals: list[str] = []
        self.turns: list[str] = []
        self.policy = policy
        self._said = 0
        self._news = asyncio.Event()
        running.session.on("user_state_changed", self._state)
        running.session.on("user_input_transcribed", self._words)
        running.session.on("conversation_item_added", self._item)

    def say(self, *parts: int | bytes) -> None:
        """A number is so many frames of speech, bytes are themselves."""
        for part in parts:
            if isinstance(part, int):
                pcm, self._said = coded_speech(part, self._said), self._said + part
            else:
                pcm = part
            for at in range(0, len(pcm), FRAME):
                self.running.microphone.play(rtc.AudioFrame(pcm[at : at + FRAME], 16000, 1, FRAME // 2))

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not wanted():
                self._news.clear()
                await self._news.wait()

    async def heard(self) -> None:
        """Wait until everything has been heard; once, and nothing else."""
        await self.until(lambda: self._all(self.finals))
        if self.policy == "client":
            await self.running.session.commit_user_turn(transcript_timeout=20.0)
        await self.until(lambda: self._all(self.turns) and self.states[-1] == "listening")
        assert frames_in(*self.finals) == frames_in(*self.turns) == [*range(self._said)]
        assert self.states == ["listening", *["speaking", "listening"] * (len(self.states) // 2)]

    def _all(self, texts: list[str]) -> bool:
        return len(frames_in(*texts)) >= self._said

    def _item(self, event) -> None:
        if event.item.type == "message" and event.item.role == "user":
            self.turns.append(event.item.text_content)
        self._news.set()

    def _state(self, event) -> None:
        self.states.append(event.new_state)
        self._news.set()

    def _words(self, event) -> None:
        if event.is_final and event.transcript:
            self.finals.append(event.transcript)
        self._news.set()


class NumbersOnly(CodedRecognizer):
    """Hears no word in what is no numbered frame."""

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        heard = await super().recognize(pcm, priority, vocabulary)
        words = " ".join(part for part in heard.text.rstrip(".").split() if part != "?")
        return Recognition(f"{words}." if words else "", 0.0)


@asynccontextmanager
async def calling(policy: str, *faults: HearFault, **more) -> AsyncIterator[Caller]:
    authority, options, settings = POLICIES[policy]
    engines = replace(coded_engines(), recognizer=NumbersOnly())
    async with aclosing(engines), FaultyServer(hear=faults, engines=engines) as server:
        address = {"api_key": server.api_key, "base_url": server.base_url}
        async with pyai.STT(**address, turns=authority, **settings) as stt, pyai.TTS(**address) as tts:
            given = options(stt)
            given["turn_handling"] |= more
            async with call(stt=stt, tts=tts, **given) as running:
                yield Caller(running, policy)


async def everywhere(scene: Callable[[Caller], Awaitable[None]], *faults: HearFault, **more: object) -> None:
    """Play a scene under every policy, all at the same time."""

    async def play(policy: str) -> None:
        try:
            async with calling(policy, *faults, **more) as caller:
                await scene(caller)
        except Exception as error:
            error.add_note(f"policy: {policy}")
            raise

    async with asyncio.TaskGroup() as group:
        for policy in POLICIES:
            group.create_task(play(policy))


async def test_a_pause_in_mid_sentence():
    async def pauses(caller: Caller) -> None:
        caller.say(40, silence(0.2), 40, silence(0.2), 20, ENDED)
        await caller.heard()

    await everywhere(pauses)


async def test_a_caller_who_goes_on_at_once():
    async def goes_on(caller: Caller) -> None:
        caller.say(40, ENDED, 30, ENDED, 20, ENDED)
        await caller.heard()

    await everywhere(goes_on)


async def test_a_minute_of_silence():
    async def keeps_silent(caller: Caller) -> None:
        caller.say(30, silence(60.0), 20, ENDED)
        await caller.heard()

    await everywhere(keeps_silent)


async def test_a_connection_lost_in_a_turn():
    async def talks(caller: Caller) -> None:
        caller.say(60, ENDED)
        await caller.heard()

    await everywhere(talks, Abort(after_bytes=30 * FRAME))


async def test_noise_without_words():
    async def coughs(caller: Caller) -> None:
        caller.say(NOISE * 40, ENDED, 40, ENDED, NOISE * 20, ENDED)
        await caller.heard()

    await everywhere(coughs)


async def test_a_caller_who_interrupts():
    async def interrupts(caller: Caller) -> None:
        loudspeaker, session = caller.running.loudspeaker, caller.running.session
        loudspeaker.slow = True
        speech = session.say("This is a long story that nobody wants to hear.")
        await loudspeaker.playing.wait()
        caller.say(60, ENDED)
        if caller.policy == "client":
            await session.interrupt()
        async with asyncio.timeout(20):
            await speech.wait_for_playout()
        assert speech.interrupted
        loudspeaker.slow = False
        await caller.heard()

    await everywhere(interrupts)


async def test_a_sign_of_listening_does_not_interrupt():
    async def mumbles(caller: Caller) -> None:
        loudspeaker, session = caller.running.loudspeaker, caller.running.session
        loudspeaker.slow = True
        speech = session.say("This is a long story.")
        await loudspeaker.playing.wait()
        caller.say(5, ENDED)
        await caller.until(lambda: bool(caller.finals))
        loudspeaker.slow = False
        loudspeaker.finish()
        async with asyncio.timeout(20):
            await speech.wait_for_playout()
        assert not speech.interrupted
        caller.say(40, ENDED)
        await caller.heard()

    await everywhere(mumbles, interruption={"min_words": 3})
