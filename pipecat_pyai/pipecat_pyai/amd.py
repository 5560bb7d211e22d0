"""Answering-machine detection in a pipeline: who has answered, and nothing said to the caller until it is known.

    transport.input() -> stt -> user aggregator -> PyAIAmdProcessor -> llm -> tts -> transport.output() -> ...

It hears the call's audio as it passes, on a connection of its own. What would make the bot speak waits here.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EagerEndOfTurnCancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMRunFrame,
    TTSSpeakFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pydantic import SecretStr

from pyai_voice.amd import AmdStream
from pyai_voice.amd_events import AmdDecision, AmdEvent
from pyai_voice.amd_options import AmdOptions
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, PyAIError
from pyai_voice.events import Connected, Disconnected, Problem
from pyai_voice.options import LinkOptions

from ._alarm import Alarm
from ._arguments import refuse_misplaced
from ._words import to_local_category
from .frames import PyAIAmdFrame

__all__ = ["PyAIAmdProcessor"]


class _Gate(Enum):
    HOLDING = "nothing is said yet"
    OPEN = "whatever passes"
    CLOSED = "no answers to a machine"


class PyAIAmdProcessor(FrameProcessor):
    """Tells who has answered a call; holds what the bot wants to say until then, or for ``hold`` seconds.

    Held are :class:`TTSSpeakFrame` (a greeting) and the model's next turn. A person, or nobody knows: they go on, the
    greeting first; where there is one, it is the answer to the person's hello. A machine: they are dropped, and so is
    every later turn of the model, until :meth:`release`; a TTSSpeakFrame that comes then passes, to leave a message.

    Events: ``on_decision(processor, decision)``, an AmdDecision, once for each call, and
    ``on_released(processor, decision)`` when the bot may speak; ``decision`` is None where ``hold`` was over first. The
    decision also goes both ways as :class:`~.frames.PyAIAmdFrame`. Without PyAI it is ``unknown``: the bot speaks.
    """

    def __init__(
        self,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        options: AmdOptions | None = None,
        hold: float = 6.0,
        talk_to_machines: bool = False,
        link: LinkOptions | None = None,
        insecure: bool = False,
        client: Client | None = None,
        **kwargs: Any,
    ) -> None:
        """Stand between the user aggregator and the model.

        Args:
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            options: Aggressiveness, correlation keys and the like; its encoding and rate are the pipeline's.
            hold: Seconds of the call after which the bot may speak without a decision; 0 holds nothing.
            talk_to_machines: Let the model answer machines too (menus, call screening).
            link: How patient the connection is.
            insecure: Allow http to a machine that is not this one.
            client: In the place of ``api_key`` and ``base_url``: where it listens.
            **kwargs: For FrameProcessor.

        Raises:
            ConfigurationError: A ValueError: the key is missing, or an option is wrong.
            UnsupportedError: The client's provider has no AMD.
        """
        refuse_misplaced(kwargs, AmdOptions.model_fields, "options=AmdOptions")
        super().__init__(**kwargs)
        if hold < 0:
            raise ConfigurationError("hold: expected 0 or more seconds", code="invalid_option")
        self._endpoint = Client.for_host(client, api_key, base_url, insecure=insecure).endpoint
        self._endpoint.provider.require("amd")
        self._options = options or AmdOptions()
        self._hold = hold
        self._talk_to_machines = talk_to_machines
        self._link = link
        self._gate = _Gate.HOLDING if hold else _Gate.OPEN
        self._greetings: list[Frame] = []
        self._turn: Frame | None = None
        self._alarm = Alarm(self)
        self._stream: AmdStream | None = None
        self._listener: asyncio.Task[None] | None = None
        self._decision: AmdDecision | None = None
        self._heard = False
        self._down = False
        self._refused_audio = False
        for name in ("on_decision", "on_released"):
            self._register_event_handler(name)

    @property
    def decision(self) -> AmdDecision | None:
        """Who has answered; None while it is not known."""
        return self._decision

    async def release(self) -> None:
        """Let the bot speak now, whoever has answered."""
        await self._open_gate(self._decision)

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Begin to connect, while the telephone rings. Raises ConfigurationError where the rate cannot be used."""
        await super().setup(setup)
        self._options = self._options.replace(encoding="pcm16", sample_rate=setup.audio_in_sample_rate)
        self._stream = AmdStream(self._endpoint, self._options, link=self._link)
        self._stream.start()

    async def cleanup(self) -> None:
        """Close, whatever came before."""
        await super().cleanup()
        await self._close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Hear the audio, hold what the bot would say, pass everything else on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self._hear(frame)
        elif isinstance(frame, InterruptionFrame):
            self._turn = None  # the next end of the person's turn brings another
        elif isinstance(frame, EagerEndOfTurnCancelFrame) and getattr(self._turn, "speculation", False):
            self._turn = None
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._close()
        if direction is FrameDirection.UPSTREAM or not self._keeps(frame):
            await self.push_frame(frame, direction)

    def _keeps(self, frame: Frame) -> bool:
        """Take a frame that must not go on (now); tell whether it was one."""
        if isinstance(frame, TTSSpeakFrame):
            if self._gate is _Gate.HOLDING:
                self._greetings.append(frame)
            return self._gate is _Gate.HOLDING
        if not isinstance(frame, LLMContextFrame | LLMRunFrame) or self._gate is _Gate.OPEN:
            return False
        if self._gate is _Gate.HOLDING:
            self._turn = frame
        return True

    async def _hear(self, frame: InputAudioRawFrame) -> None:
        if self._stream is None or self._stream.closed and self._heard:
            return
        if frame.num_channels != 1 or frame.sample_rate != self._options.sample_rate:
            await self._refuse(frame)
            return
        if not self._heard:
            self._heard = True
            self._listener = self.create_task(self._listen(self._stream), "pyai_amd_decision")
            if self._gate is _Gate.HOLDING:
                await self._alarm.set(self._hold, self._hold_is_over)
        self._stream.send_audio(frame.audio)

    async def _refuse(self, frame: InputAudioRawFrame) -> None:
        if self._refused_audio:
            return
        self._refused_audio = True
        said = (
            f"{frame.num_channels} channels at {frame.sample_rate} Hz were not heard; expected the pipeline's own rate"
        )
        await self.push_error(f"Answering-machine detection: {said}")
        await self._open_gate(None)

    async def _listen(self, stream: AmdStream) -> None:
        failure = None
        try:
            async for event in stream:
                await self._follow(event)
            decision = await stream.decision()
        except PyAIError as error:
            failure = error
            decision = AmdDecision("unknown", "unknown", reason=str(error), rule_id="error")
        if failure is not None:
            await self.push_error(str(failure), failure, category=to_local_category(failure))
        await self._decide(decision)

    async def _follow(self, event: AmdEvent) -> None:
        match event:
            case Connected():
                self._down = False
            case Disconnected(error=error) if not self._down:
                self._down = True
                logger.warning(f"{self}: dialling again, the call is kept meanwhile: {error}")
            case Problem(error=error):
                await self.push_error(str(error), error, category=to_local_category(error))
            case _:
                pass

    async def _decide(self, decision: AmdDecision) -> None:
        self._decision = decision
        logger.info(f"{self}: {decision.answered_by} has answered: {decision.reason}")
        for direction in (FrameDirection.UPSTREAM, FrameDirection.DOWNSTREAM):
            await self.push_frame(PyAIAmdFrame(decision), direction)
        if decision.is_machine() and not self._talk_to_machines:
            await self._alarm.clear()
            self._gate, self._turn = _Gate.CLOSED, None
            self._greetings.clear()
        elif self._gate is _Gate.HOLDING:
            await self._open_gate(decision)
        await self._call_event_handler("on_decision", decision)

    async def _hold_is_over(self) -> None:
        if self._gate is _Gate.HOLDING:
            logger.info(f"{self}: no decision after {self._hold:g} s; the bot may speak")
            await self._open_gate(None)

    async def _open_gate(self, decision: AmdDecision | None) -> None:
        if self._gate is _Gate.OPEN:
            return
        self._gate = _Gate.OPEN
        await self._alarm.clear()
        held = self._greetings or ([self._turn] if self._turn is not None else [])
        self._greetings, self._turn = [], None
        await self._call_event_handler("on_released", decision)
        for frame in held:
            await self.push_frame(frame)

    async def _close(self) -> None:
        await self._alarm.clear()
        stream, self._stream = self._stream, None
        listener, self._listener = self._listener, None
        if listener:
            await self.cancel_task(listener)
        if stream:
            await stream.aclose()
