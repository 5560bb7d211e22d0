"""How one connection of Omni ends, in virtual time: by what the listener or the sender met, or by a silent service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pyai_voice.backoff import Outage
from pyai_voice.errors import PyAIError, StalledError
from pyai_voice.link import Message
from pyai_voice.omni_call import OmniCall
from pyai_voice.omni_options import OmniOptions
from pyai_voice.options import LinkOptions
from pyai_voice.protocol.omni.client import OmniClient
from pyai_voice.slots import CallerSlots
from tests.virtual_time import run

from .omni import event, hello

LOUD = (8000).to_bytes(2, "little") * 320
OPTIONS = LinkOptions(silence_from_server=3.0)


class Line:
    """A link in memory: what comes, and how listening ends."""

    def __init__(self, *messages: bytes, ending: BaseException | None = None) -> None:
        self.ready = True
        self.aborted = False
        self._messages = messages
        self._ending = ending

    async def listen(self, listener: Callable[[Message], object]) -> None:
        for message in self._messages:
            listener(message)
        if self._ending is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(0.1)
            raise self._ending

    async def send(self, message: Message) -> None:
        """Take it."""

    def send_now(self, message: Message) -> None:
        """Take it."""

    async def close(self) -> None:
        """Nothing to close."""

    def abort(self) -> None:
        self.aborted = True


async def converse(line: Line, *, loud: bool = False) -> PyAIError | None:
    machine, slots = OmniClient(OmniOptions()), CallerSlots(16000, 16000)
    machine.open(asyncio.get_running_loop().time())
    call = OmniCall(line, machine, slots, OPTIONS, Outage(OPTIONS), lambda _: None)

    async def speak() -> None:
        while loud:
            slots.feed(LOUD)
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    try:
        async with asyncio.timeout(30):
            return await call.run()
    finally:
        speaking.cancel()


def test_a_service_that_says_nothing_while_somebody_speaks_is_given_up_and_cut_off() -> None:
    line = Line(hello(), event("configured", tools=0))
    assert isinstance(run(converse(line, loud=True)), StalledError)
    assert line.aborted


def test_a_service_may_be_silent_while_the_caller_is() -> None:
    line = Line(hello(), event("configured", tools=0))
    with pytest.raises(TimeoutError):
        run(converse(line))
    assert not line.aborted


def test_what_is_no_error_of_the_line_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(converse(Line(hello(), ending=ZeroDivisionError())))


def test_a_line_that_is_cancelled_from_below_ends_without_a_reason() -> None:
    assert run(converse(Line(hello(), ending=asyncio.CancelledError()))) is None
