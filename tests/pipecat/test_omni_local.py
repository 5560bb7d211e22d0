"""The example bot on Omni with the local server's Omni: its real engines hear, take turns and speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import BotStoppedSpeakingFrame, Frame, InputAudioRawFrame, LLMContextFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner

from pyai_voice.options import Endpoint, SpeakOptions
from pyai_voice.server.brain import Prompt, Thought
from pyai_voice.server.brain.scripted import call
from pyai_voice.server.engines.load import load_engines
from pyai_voice.server.serving import running
from pyai_voice.speak import SpeakClient
from tests.frameworks import import_quietly
from tests.pipecat.omni import Loudspeaker, line_of

import_quietly("examples.pipecat_omni_bot")

STORY = (
    "Thank you, that is order number one. While you wait, let me tell you how coffee came into this town. "
    "It was a cold winter, and nobody had ever heard of it. Then a ship came up the river, and in it were forty sacks."
)
LINES = ("I would like a latte, please.", "A large one, please.", "Stop, please, that is enough.")
LONGEST = 80
pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


class Barista:
    """A brain by rule, not by order: what is thought early and dropped changes nothing."""

    name = "barista"

    async def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        last = prompt.messages[-1]
        words = last.text.lower()
        if last.role == "tool":
            yield STORY
        elif "latte" in words:
            yield "What size would you like?"
        elif "large" in words:
            yield call("place_order", order="a large latte")
        else:
            yield "All right."

    async def aclose(self) -> None: ...


class Passing(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Telephone(BaseTransport):
    """A line whose caller hears what the loudspeaker plays."""

    def __init__(self) -> None:
        super().__init__()
        self.loudspeaker = Loudspeaker(24000)
        self._register_event_handler("on_client_connected")
        self._register_event_handler("on_client_disconnected")

    def input(self) -> FrameProcessor:
        return Passing()

    def output(self) -> FrameProcessor:
        return self.loudspeaker

    async def connect(self) -> None:
        await self._call_event_handler("on_client_connected", self)


class Watch(BaseObserver):
    """Knows the context, and when the bot fell silent."""

    def __init__(self) -> None:
        super().__init__()
        self.context: Any = None
        self.stopped = 0
        self.changed = asyncio.Event()

    async def on_push_frame(self, data: FramePushed) -> None:
        if isinstance(data.frame, LLMContextFrame):
            self.context = data.frame.context
        if isinstance(data.frame, BotStoppedSpeakingFrame) and data.direction is FrameDirection.UPSTREAM:
            self.stopped += isinstance(data.source, Loudspeaker)
        self.changed.set()

    @property
    def said(self) -> list[str]:
        return [line for message in (self.context.messages if self.context else ()) if (line := line_of(message))]

    async def until(self, condition: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(40):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"the context holds {self.said}") from None


class Microphone:
    """Sends a frame every 20 ms for as long as the context lasts: what is said, else silence."""

    def __init__(self, worker: PipelineWorker) -> None:
        self._worker = worker
        self._words = b""
        self.began = 0.0

    def say(self, pcm: bytes) -> None:
        self._words, self.began = pcm, asyncio.get_running_loop().time()

    async def run(self) -> None:
        due = asyncio.get_running_loop().time()
        while True:
            chunk, self._words = self._words[:640], self._words[640:]
            await self._worker.queue_frame(InputAudioRawFrame(chunk.ljust(640, b"\0"), 16000, 1))
            due += 0.02
            await asyncio.sleep(due - asyncio.get_running_loop().time())


@asynccontextmanager
async def calling(worker: PipelineWorker) -> AsyncGenerator[Microphone]:
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    microphone = Microphone(worker)
    tasks = [asyncio.create_task(runner.run()), asyncio.create_task(microphone.run())]
    try:
        yield microphone
    finally:
        tasks[1].cancel()
        await worker.cancel()
        await asyncio.wait(tasks, timeout=10)


async def test_the_example_takes_an_order_places_it_with_its_tool_and_stops_when_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from examples.pipecat_omni_bot import build

    engines = await load_engines()
    try:
        async with running(engines, brain=Barista()) as server:
            endpoint = Endpoint.from_env(server.api_key, server.base_url)
            monkeypatch.setenv("PYAI_API_KEY", server.api_key)
            monkeypatch.setenv("PYAI_BASE_URL", server.base_url)
            async with SpeakClient(endpoint) as client:
                lines = [await client.speak(line, SpeakOptions(sample_rate=16000)) for line in LINES]
            telephone, watch = Telephone(), Watch()
            worker = build(telephone)
            worker.add_observer(watch)
            async with calling(worker) as microphone:
                await telephone.connect()
                await converse(microphone, [_speech(pcm) for pcm in lines], telephone.loudspeaker, watch)
    finally:
        await engines.aclose()


async def converse(microphone: Microphone, lines: list[bytes], loudspeaker: Loudspeaker, watch: Watch) -> None:
    await watch.until(lambda: watch.stopped == 1)
    microphone.say(lines[0])
    await watch.until(lambda: watch.stopped == 2 and len(watch.said) == 3)
    assert watch.said[0] == "assistant: Hello! What can I get you?"
    assert "latte" in watch.said[1].lower() and watch.said[2:] == ["assistant: What size would you like?"]
    played = len(loudspeaker.played)
    microphone.say(lines[1])
    await watch.until(lambda: len(loudspeaker.played) > played + 50)  # two seconds of the story
    microphone.say(lines[2])
    await watch.until(lambda: watch.stopped == 3)
    last = loudspeaker.played[-1][0]
    print(f"interrupted after {last - microphone.began:.3f} s of speech")
    await watch.until(lambda: watch.said[-1:] == ["assistant: All right."])
    after = b"".join(pcm for _, pcm in loudspeaker.played[loudspeaker.cuts[-1] :])
    assert len(after) / 48000 < 4.0, "the story, which takes a quarter of a minute, went on"
    call_and_result = ['call: place_order {"order": "a large latte"}', 'tool: {"order": "a large latte", "number": 1}']
    assert watch.said[4:6] == call_and_result, watch.said
    assert STORY.startswith(watch.said[6].removeprefix("assistant: ")) and len(watch.said[6]) < len(STORY)
    assert [line.split(":")[0] for line in watch.said[6:]] == ["assistant", "user", "assistant"]


def _speech(pcm: bytes) -> bytes:
    """Return a reading without the silence around it."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, np.int16).astype(np.int32)) > 500)
    return pcm[2 * int(loud[0]) : 2 * int(loud[-1])]


def test_the_example_is_short_enough_to_start_from() -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "pipecat_omni_bot.py"
    assert len(example.read_text(encoding="utf-8").splitlines()) <= LONGEST
