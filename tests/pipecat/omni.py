"""A Pipecat bot with Omni, whole: aggregators, a loudspeaker that plays in real time, and a service by script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMRunFrame,
    OutputAudioRawFrame,
    OutputDTMFFrame,
    OutputDTMFUrgentFrame,
    StartFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import FunctionCallParams
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from pipecat_pyai import PyAIOmniLLMService
from tests.core.omni_service import Peer, Script, Service, omni_service
from tests.core.scripted import KEY
from tests.pipecat.pipeline import PATIENCE, Ear, Running, running

TOLD = "You sell tea."
QUIET = 0.35
"""Seconds of quiet that end a reply."""
LOUD = 1000


class Loudspeaker(BaseOutputTransport):
    """Plays as a sound card does, and keeps what was played: when, and which samples."""

    def __init__(self, rate: int) -> None:
        super().__init__(
            TransportParams(audio_out_enabled=True, audio_out_sample_rate=rate, audio_out_end_silence_secs=0)
        )
        self._bytes_a_second = 2 * rate
        self._free_at = 0.0
        self.played: list[tuple[float, bytes]] = []
        self.cuts: list[int] = []
        """How much had been played at each interruption, in chunks."""
        self.digits: list[str] = []

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self.cuts.append(len(self.played))

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        now = asyncio.get_running_loop().time()
        self.played.append((now, frame.audio))
        self._free_at = max(self._free_at, now) + len(frame.audio) / self._bytes_a_second
        await asyncio.sleep(self._free_at - now)
        return True

    async def write_dtmf(self, frame: OutputDTMFFrame | OutputDTMFUrgentFrame) -> None:
        self.digits += [button.value for button in frame.buttons or []]

    @property
    def sound(self) -> bytes:
        return b"".join(pcm for _, pcm in self.played)

    def samples(self, value: int) -> int:
        """Return how many samples of a value were played."""
        wanted = value.to_bytes(2, "little", signed=True)
        return sum(self.sound[at : at + 2] == wanted for at in range(0, len(self.sound), 2))


@dataclass
class OmniBot:
    """A running bot and both its ends."""

    pipeline: Running
    omni: PyAIOmniLLMService
    context: LLMContext
    loudspeaker: Loudspeaker
    service: Service
    output: list[Frame]
    """What the service pushed downstream."""

    async def peer(self, number: int = 0) -> Peer:
        """Wait for a call at the service."""
        async with asyncio.timeout(PATIENCE):
            return await self.service.call(number)

    async def wrote(self, *said: str) -> None:
        """Wait until the context holds exactly this."""
        try:
            await self.pipeline.when(lambda: self.said == list(said))
        except AssertionError:
            raise AssertionError(f"waited for {list(said)}, the context holds {self.said}") from None

    @property
    def said(self) -> list[str]:
        """The context, one line for each message, without instructions."""
        return [line for message in self.context.messages if (line := line_of(message))]


def line_of(message: Any) -> str:
    """Return a message of a context in one line; empty for instructions."""
    match message:
        case {"role": "system" | "developer"}:
            return ""
        case {"tool_calls": [{"function": {"name": name, "arguments": arguments}}]}:
            return f"call: {name} {arguments}"
        case {"role": role, "content": content}:
            return f"{role}: {content}"
        case _:
            return str(message)


@asynccontextmanager
async def omni_bot(
    *scripts: Script,
    rate_in: int = 16000,
    rate_out: int = 24000,
    context: LLMContext | None = None,
    run: bool = True,
    pipeline: dict[str, Any] | None = None,
    refusals: list[tuple[int, dict[str, str]]] | None = None,
    **options: Any,
) -> AsyncIterator[OmniBot]:
    """Run a bot against scripts, one for each call; ``run`` queues the frame that begins it."""
    context = context or LLMContext()
    user, assistant = LLMContextAggregatorPair(context)
    loudspeaker = Loudspeaker(rate_out)
    async with omni_service(*scripts, refusals=refusals) as service:
        options = {"system_instruction": TOLD, "base_url": service.endpoint.base_url, "api_key": KEY, **options}
        omni = PyAIOmniLLMService(**options)
        output: list[Frame] = []
        ear = Ear(output, FrameDirection.DOWNSTREAM, asyncio.Event())
        processors = (user, omni, ear, loudspeaker, assistant)
        async with running(*processors, rate_in=rate_in, rate_out=rate_out, **(pipeline or {})) as run_pipeline:
            if run:
                await run_pipeline.send(LLMRunFrame())
            yield OmniBot(run_pipeline, omni, context, loudspeaker, service, output)


async def lookup_order(params: FunctionCallParams, order_id: str) -> None:
    """Find an order.

    Args:
        order_id: Its number.
    """
    await params.result_callback({"status": "shipped", "order": order_id})


async def seen(peer: Peer, condition: Callable[[], object]) -> None:
    """Wait until the service has seen something."""
    async with asyncio.timeout(PATIENCE):
        await peer.has(condition)


async def configured(peer: Peer, count: int = 1) -> dict[str, Any]:
    """Wait for the ``count``-th configure."""
    await seen(peer, lambda: len(peer.kinds("configure")) >= count)
    return peer.kinds("configure")[count - 1]


def tone(value: int, seconds: float, rate: int = 24000) -> bytes:
    """Return agent sound whose samples all have one value."""
    return value.to_bytes(2, "little", signed=True) * round(seconds * rate)


async def hears(peer: Peer, seconds: float) -> None:
    """Listen for a while, and say what there is to say."""
    until = len(peer.audio) + round(seconds * 50) * 640 * peer.machine.request.rate // 16000
    await peer.until(lambda: len(peer.audio) >= until)


def take_turns(peer: Peer, caller: str, agent: str, *, value: int = 7, seconds: float = 0.3) -> None:
    """Hear the caller say something, and answer: so many seconds of sound, and its words."""
    peer.machine.caller_said(caller)
    peer.machine.turn_begin(0.1)
    peer.machine.audio(tone(value, seconds))
    peer.machine.agent_said(agent)


def answering(caller: str, agent: str, *, value: int = 7, seconds: float = 0.3) -> Script:
    """Return a script: one turn each, and then nothing until the client hangs up."""

    async def script(peer: Peer) -> None:
        await peer.configured()
        take_turns(peer, caller, agent, value=value, seconds=seconds)
        await peer.stay()

    return script


async def weather(params: FunctionCallParams) -> None:
    """Say the weather."""
    await params.result_callback("sunny")
