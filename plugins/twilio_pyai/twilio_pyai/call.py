"""One call: the caller's sound to the agent, the agent's to the caller, until either leaves.

    Twilio --Line--> listen --> Omni --> Attendant --> Playout --> play --> Twilio
                       |                                  ^
                       +------> AMD --> screen -----------+ holds the greeting

Above: :mod:`.streams`. Three tasks; the first that ends, ends the call.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from starlette.websockets import WebSocketDisconnect

from pyai_voice import g711
from pyai_voice.amd import AmdStream
from pyai_voice.amd_events import AmdDecision
from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError, PyAIError
from pyai_voice.omni import OmniStream

from . import twiml, wire
from .attendant import Attendant, Leave
from .control import CallControl, ControlError
from .line import Line
from .options import TwilioOptions
from .playout import SLOT, Playout

__all__ = ["Call"]

_log = logging.getLogger("twilio_pyai")

_HUNG_UP = "hung up"
_MORE_PATIENCE = 4.0
"""Seconds that Twilio may be late with what it should have played."""


class Call:
    """One call that has started. ``control`` is None where there are no credentials of Twilio."""

    def __init__(
        self,
        line: Line,
        started: wire.Started,
        stream: OmniStream,
        amd: AmdStream | None,
        client: Client,
        control: CallControl | None,
        options: TwilioOptions,
    ) -> None:
        self._line = line
        self._sid = started.call_sid
        self._stream = stream
        self._amd = amd
        self._client = client
        self._control = control
        self._options = options
        self._playout = Playout(options.lead)
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self._obeying = False
        self._gone = False
        self._attendant = Attendant(
            stream, self._playout, options, self._wake.set, self._sid, can_transfer=control is not None
        )

    async def run(self) -> str:
        """Converse until it is over; return how it ended. Raises Refusal where Twilio breaks its own protocol."""
        if self._amd is not None:
            self._stream.mute()  # a machine's words are not for the agent, and a person's hello gets the greeting
            self._playout.hold()
        conversing = asyncio.create_task(self._converse())
        tasks = (conversing, asyncio.create_task(self._listen()), asyncio.create_task(self._play()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._gone = True
            if self._obeying:  # Twilio ends the stream the moment it obeys, before it says so
                await asyncio.wait([conversing])
            return next(task for task in tasks if task.done()).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # The caller

    async def _listen(self) -> str:
        with suppress(WebSocketDisconnect):
            while not isinstance(message := await self._line.receive(), wire.Stopped):
                self._hear(message)
        return _HUNG_UP

    def _hear(self, message: wire.Incoming | None) -> None:
        match message:
            case wire.Sound(coded):
                if self._amd is not None:
                    self._amd.send_audio(coded)
                if not self._stream.closed:  # else the attendant says why
                    self._stream.send_audio(g711.decode(coded))
            case wire.Digit(digit):
                self._stream.press(digit)
            case wire.Played(name):
                self._playout.played(name)
                self._wake.set()
            case _:
                pass

    # The agent

    async def _play(self) -> str:
        now = asyncio.get_running_loop().time
        with suppress(WebSocketDisconnect):
            while True:
                self._wake.clear()
                while (step := self._playout.next(now())) is not None:
                    await self._line.send(step)
                busy = self._playout.busy(now())
                (self._quiet.clear if busy else self._quiet.set)()
                with suppress(TimeoutError):
                    async with asyncio.timeout(SLOT if busy else None):
                        await self._wake.wait()
        return _HUNG_UP

    async def _converse(self) -> str:
        while True:
            leave = await self._until_one_leaves()
            self._playout.release()
            self._playout.end_music()
            if leave.message:
                await self._say(leave.message)
            await self._heard()
            self._obeying = True
            if await self._obey(leave) or not leave.transfer:
                return leave.why
            if self._gone:
                return _HUNG_UP
            self._obeying = False  # who was not transferred still has the agent

    async def _until_one_leaves(self) -> Leave:
        attending = asyncio.create_task(self._attendant.attend())
        screening = asyncio.create_task(self._screen())
        try:
            await asyncio.wait((attending, screening), return_when=asyncio.FIRST_COMPLETED)
            if not attending.done() and (leave := await screening):
                return leave
            return await attending
        finally:
            for task in (attending, screening):
                task.cancel()
            await asyncio.gather(attending, screening, return_exceptions=True)

    async def _heard(self) -> None:
        """Wait until what waits has been heard, or should have been."""
        self._quiet.clear()
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._playout.seconds + _MORE_PATIENCE):
                await self._quiet.wait()

    # Who has answered

    async def _screen(self) -> Leave | None:
        """Hold the greeting until it is known who has answered; return how to leave a machine."""
        if self._amd is None:
            return None
        deciding = asyncio.create_task(self._decision(self._amd))
        try:
            await asyncio.wait([deciding], timeout=self._options.hold)
            if not deciding.done():
                self._admit()
            decision = await deciding
        finally:
            deciding.cancel()
        self._amd = None
        _log.info("call %s: %s has answered: %s", self._sid, decision.answered_by, decision.reason)
        if decision.is_machine() and self._options.machines == "hang_up":
            self._playout.interrupt()
            beeped = decision.answered_by_twilio == "machine_end_beep"
            return Leave(f"a machine: {decision.answered_by}", message=self._options.message if beeped else "")
        self._admit()
        return None

    def _admit(self) -> None:
        if self._playout.held:
            self._playout.release()
            self._stream.mute(False)
            self._wake.set()

    async def _decision(self, amd: AmdStream) -> AmdDecision:
        """Return who has answered; nobody knows, where PyAI fails: then it may be a person."""
        try:
            return await amd.decision()
        except PyAIError as error:
            return AmdDecision("unknown", reason=str(error))

    async def _say(self, message: str) -> None:
        options = self._options.speak.replace(response_format="pcm", sample_rate=g711.RATE)
        try:
            async with self._client.speak(message, options) as speech:
                async for pcm in speech:
                    self._playout.say(g711.encode(pcm))
                    self._wake.set()
        except PyAIError as error:
            _log.warning("call %s: the message was not said: %s", self._sid, error)

    # The end

    async def _obey(self, leave: Leave) -> bool:
        """Hang up, transfer or apologise; tell whether it is done. Without credentials, closing the stream does."""
        if self._control is None:
            if leave.failed:
                _log.warning("call %s: no apology: Twilio's credentials are needed", self._sid)
            return True
        try:
            await self._ask(self._control, leave)
            return True
        except (ControlError, ConfigurationError) as error:
            _log.warning(
                "call %s: not %s: %s", self._sid, "transferred" if leave.transfer else "hung up by REST", error
            )
        return False

    async def _ask(self, control: CallControl, leave: Leave) -> None:
        if leave.transfer:
            await control.transfer(self._sid, leave.transfer)
        elif leave.failed and self._options.apology:
            await control.redirect(self._sid, twiml.apologise(self._options.apology, self._options.apology_language))
        else:
            await control.hang_up(self._sid)
