"""A thousand orders of audio, words, interruptions, turns and tools: none leaves anything open, unanswered or unwanted.

The session is the real one, over the core's real stream, with a connection in memory and virtual time; LiveKit's part
is played by :class:`Framework`, which reads as an AgentSession does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit import rtc
from livekit.agents import llm

from livekit_pyai.realtime import RealtimeModel, RealtimeSession
from pyai_voice.client import Client
from pyai_voice.link import Message
from pyai_voice.omni import OmniStream
from pyai_voice.options import Endpoint
from pyai_voice.protocol.omni.wire import audio_message
from tests.core.omni import called, caller, event, hello, said
from tests.core.scripted import KEY
from tests.virtual_time import run


@llm.function_tool
async def lookup_order(order_id: str) -> str:
    """Find an order."""
    return order_id


class Wire:
    """A connection in memory: the other end is :meth:`hear`."""

    def __init__(self) -> None:
        self.ready = True
        self.sent: list[dict[str, Any]] = []
        self._listener: Callable[[Message], object] | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send_now(self, message: Message) -> None:
        if isinstance(message, bytes) and message[0] == 3:
            self.sent.append(json.loads(message[1:]))

    async def send(self, message: Message) -> None:
        self.send_now(message)

    async def listen(self, listener: Callable[[Message], object]) -> None:
        self._listener = listener
        await self._over

    def say(self, *messages: bytes) -> None:
        for message in messages:
            if self._listener is not None and not self._over.done():
                self._listener(message)

    async def close(self) -> None:
        self._listener = None

    def abort(self) -> None:
        self._listener = None


class InMemory(Client):
    """Dials wires."""

    wire: Wire | None = None

    def omni(self, options=None, *, handlers=None, link=None) -> OmniStream:
        async def connect(*_: object) -> Wire:
            InMemory.wire = Wire()
            return InMemory.wire

        return OmniStream(self.endpoint, options, link=link, connect=connect)  # type: ignore[arg-type]


@dataclass
class Framework:
    """Plays one generation after the other in real time, and runs tools.

    It does as little by itself as LiveKit may: at ``input_speech_started`` it asks the session to stop and goes on
    playing what it is still given, so that silence is the session's work alone; and results of tools are handed over
    only when the generation that called them is closed and has been played.
    """

    session: RealtimeSession
    tool_takes: float
    heard: list[int] = field(default_factory=list)
    """The turn of each frame, in the order of playing."""
    opened: list[llm.GenerationCreatedEvent] = field(default_factory=list)
    speaking: list[bool] = field(default_factory=list)
    finals: list[str] = field(default_factory=list)
    errors: list[llm.RealtimeModelError] = field(default_factory=list)
    interrupted: int = 0
    """The newest turn that the service has interrupted."""
    silenced: int = 0
    """The same, once LiveKit was told."""
    ghosts: list[int] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    """Calls whose results nothing held up: of a tool that takes no time, in a generation with nothing to play."""

    def __post_init__(self) -> None:
        self._turns = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.playing: set[asyncio.Task[Any]] = set()
        for name, react in {
            "generation_created": self._created,
            "input_speech_started": self._started,
            "input_speech_stopped": lambda _: self.speaking.append(False),
            "input_audio_transcription_completed": lambda told: told.is_final and self.finals.append(told.item_id),
            "error": self.errors.append,
        }.items():
            self.session.on(name, react)

    def interrupt(self) -> None:
        """Have the session stop, as the program may; what plays here ends when it gives nothing more."""
        self.session.interrupt()

    def _created(self, generation: llm.GenerationCreatedEvent) -> None:
        self.opened.append(generation)
        self._start(self._run_tools(generation, self._start(self._play(generation), playing=True)))

    def _started(self, _: object) -> None:
        self.speaking.append(True)
        self.silenced = self.interrupted
        self.interrupt()

    def _start(self, work: Any, *, playing: bool = False) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if playing:
            self.playing.add(task)
            task.add_done_callback(self.playing.discard)
        return task

    async def _play(self, generation: llm.GenerationCreatedEvent) -> int:
        """Play to the end; return how many messages there were."""
        count = 0
        async with self._turns:
            async for message in generation.message_stream:
                count += 1
                words = asyncio.create_task(self._read(message))
                try:
                    async for frame in message.audio_stream:
                        self._hear(frame.data[0])
                        await asyncio.sleep(frame.duration)
                    await words
                finally:
                    words.cancel()
        return count

    def _hear(self, turn: int) -> None:
        self.heard.append(turn)
        if turn <= self.silenced:
            self.ghosts.append(turn)

    async def _read(self, message: llm.MessageGeneration) -> None:
        async for _ in message.text_stream:
            pass

    async def _run_tools(self, generation: llm.GenerationCreatedEvent, playing: asyncio.Task[int]) -> None:
        """Run each tool when it is called; hand the results over when the generation has been played to its end."""
        alone = len(self.playing) == 1
        calls: list[llm.FunctionCall] = []
        running: list[asyncio.Task[Any]] = []
        async for call in generation.function_stream:
            calls.append(call)
            running.append(self._start(asyncio.sleep(self.tool_takes)))
        await asyncio.gather(playing, *running)
        if alone and len(calls) == 1 and not playing.result() and not self.tool_takes:
            self.owed.append(calls[0].call_id)
        if calls:
            await self._hand_over(calls)

    async def _hand_over(self, calls: list[llm.FunctionCall]) -> None:
        chat = self.session.chat_ctx.copy()
        chat.items += [
            llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output="x", is_error=False) for call in calls
        ]
        await self.session.update_chat_ctx(chat)
        await self.session.update_chat_ctx(chat)  # LiveKit may hand it over again

    @property
    def open(self) -> list[llm.GenerationCreatedEvent]:
        """Generations that may still bring something."""
        streams = [(each, each.function_stream, each.message_stream) for each in self.opened]
        return [each for each, calls, messages in streams if not (calls.closed and messages.closed)]  # type: ignore[attr-defined]


ACTIONS = ("turn", "audio", "late audio", "words", "caller", "flush", "barge_in", "tool", "interrupt", "speak", "idle")
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.sampled_from((0.0, 0.0, 0.02, 0.2, 1.1))), min_size=1, max_size=25
)


class Service:
    """Says what a schedule wants. Audio carries the number of its turn as its sample."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.turn = 0
        self.flushed = 0
        """The newest turn that was interrupted."""
        self.calls: list[str] = []

    def act(self, name: str, framework: Framework) -> None:
        match name:
            case "turn":
                self.turn += 1
                self.wire.say(event("turn_begin", turn=self.turn, call_id="call_1"))
            case "audio":
                self._sound(self.turn)
            case "late audio" if self.flushed == self.turn:  # after a newer turn nobody could tell
                self._sound(self.flushed)
            case "words":
                self.wire.say(said(f"Turn {self.turn} has words."))
            case "caller":
                self.wire.say(caller("some words "))
            case "flush" | "barge_in":
                self.flushed = framework.interrupted = self.turn
                self.wire.say(event(name, reason="energy"))
            case "tool":
                self.calls.append(f"tc_{len(self.calls)}")
                self.wire.say(called(self.calls[-1]))
            case "interrupt":
                framework.interrupt()
            case "speak":
                framework.session.push_audio(rtc.AudioFrame(b"\x01\x01" * 480, 24000, 1, 480))
            case _:
                self.wire.say(event("idle_prompt"))

    def _sound(self, turn: int) -> None:
        if turn:
            self.wire.say(audio_message(bytes((turn, 0)) * 6_000))


async def conversation(steps: list[tuple[str, float]], tool_takes: float) -> None:
    endpoint = Endpoint(api_key=KEY, base_url="http://127.0.0.1:1")
    model = RealtimeModel(client=InMemory(endpoint), tool_timeout=0.8)
    session = model.session()
    framework = Framework(session, tool_takes)
    await session.update_instructions("Help.")
    await session.update_tools([lookup_order])
    await asyncio.sleep(0.1)
    assert InMemory.wire is not None
    service = Service(InMemory.wire)
    service.wire.say(hello(), event("configured", tools=1))
    for name, pause in steps:
        service.act(name, framework)
        await asyncio.sleep(pause)
    await settle(service, framework)
    before = asyncio.get_running_loop().time()
    await model.aclose()
    assert asyncio.get_running_loop().time() - before < 3.5
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("pyai")]


async def settle(service: Service, framework: Framework) -> None:
    for _ in range(120):  # a call's audio and its slowest tool take less than a minute
        if not unsettled(service, framework):
            break
        await asyncio.sleep(0.5)
    await asyncio.sleep(1.0)
    assert not unsettled(service, framework)


def unsettled(service: Service, framework: Framework) -> list[str]:
    """Return what is wrong."""
    results = [each for each in service.wire.sent if each["type"] == "tool_result"]
    answers = [each["call_id"] for each in results]
    passed_on = [each["call_id"] for each in results if "result" in each]
    facts = {
        "a generation is open": bool(framework.open),
        "a call was not answered once": sorted(answers) != sorted(service.calls),
        "a result was not passed on": not set(framework.owed) <= set(passed_on),
        "a message is not at its end": bool(framework.playing),
        "an interrupted turn was heard": bool(framework.ghosts),
        "a turn was heard after a newer one": framework.heard != sorted(framework.heard),
        "the caller is speaking": framework.speaking != [True, False] * (len(framework.speaking) // 2),
        "an utterance was told twice": len(framework.finals) != len(set(framework.finals)),
        "the session failed": any(not error.recoverable for error in framework.errors),
        "the agent was told twice": len([each for each in service.wire.sent if each["type"] == "configure"]) != 1,
    }
    return [name for name, wrong in facts.items() if wrong]


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(steps=STEPS, tool_takes=st.sampled_from((0.0, 0.4, 1.5)))
def test_every_order_of_events_settles(steps: list[tuple[str, float]], tool_takes: float):
    run(conversation(steps, tool_takes))
