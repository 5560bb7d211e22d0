"""What goes wrong around a call: the caller leaves at every stage, Omni dies in its middle, Twilio says no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from xml.etree import ElementTree

import pytest

from pyai_voice import g711
from pyai_voice.amd_options import AmdOptions
from pyai_voice.errors import ConfigurationError
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.options import Endpoint
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.engines.workers import Workers
from pyai_voice.testing.engines import CodedSynthesizer, SoundDetector
from tests.core.omni_service import Peer, Script, omni_service, stay
from tests.plugins.twilio.test_twilio_call import Hears, ramp
from tests.plugins.twilio.test_twilio_control import DESK, transferring
from tests.plugins.twilio.twilio_house import NUMBER, TOKEN, Lines, TwilioCall, house
from tests.plugins.twilio.twilio_rest import twilio_rest
from tests.server.omni_calls import omni_server
from twilio_pyai import Started, TwilioOptions, connect

WRONG = "wrong_canary_0123456789abcdef"


async def leave_by_stop(call: TwilioCall) -> None:
    await call.hang_up()


async def leave_by_reset(call: TwilioCall) -> None:
    call.socket.transport.abort()


Leave = Callable[[TwilioCall], Awaitable[None]]
LEAVE = pytest.mark.parametrize("leave", [leave_by_stop, leave_by_reset])


@asynccontextmanager
async def deaf() -> AsyncGenerator[Endpoint]:
    """A PyAI that takes connections and never says a word."""
    gone = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        writer.close()
        gone.set()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield Endpoint(
            api_key="pyai_test_key_0123456789", base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        )
        async with asyncio.timeout(5):
            await gone.wait()


@LEAVE
async def test_the_caller_leaves_while_omni_is_dialled(leave: Leave, log: Lines) -> None:
    async with deaf() as endpoint, house(endpoint) as twilio, twilio.call() as call:
        await call.speak(g711.encode(ramp(0.2)))
        await leave(call)
        await call.ended()
        await log.until("media hung up, ")


@LEAVE
async def test_the_caller_leaves_while_it_is_decided_who_has_answered(leave: Leave, log: Lines) -> None:
    engines = Engines(Hears(), CodedSynthesizer(), SoundDetector, str.lower, Workers(1))
    async with (
        aclosing(engines),
        omni_server(["Fine."], engines=engines) as omni,
        house(omni.endpoint, OmniOptions(greeting="Hello."), TwilioOptions(amd=AmdOptions())) as twilio,
        twilio.call() as call,
    ):
        await call.speak(g711.encode(ramp(0.2)))
        await leave(call)
        await call.ended()
        await log.until("media hung up, ")
        assert not call.sound()


@LEAVE
async def test_the_caller_leaves_during_the_goodbye(leave: Leave, log: Lines) -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(5.0))
        peer.machine.call_control("end_call", reason="done")
        await peer.stay()

    agent = OmniOptions(tools=(Tool(name="end_call"),))
    async with omni_service(script) as service, twilio_rest() as rest, aclosing(rest.control()) as control:
        async with house(service.endpoint, agent, control=control) as twilio, twilio.call() as call:
            await call.until(lambda: len(call.heard) > 20)
            await leave(call)
            await call.ended()
            await log.until("media hung up, ")
        assert not rest.asked


async def test_omni_dies_twice_in_a_call_and_is_heard_again_each_time(log: Lines) -> None:
    """The caller's words and keys reach the new connections too."""
    replies = [ramp(0.3, 1000 * number) for number in range(3)]

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(replies[peer.number])
        await peer.until(lambda: peer.calls)
        if peer.number < 2:
            peer.socket.transport.abort()
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        for number, said in enumerate(replies):
            await call.until(lambda said=said: g711.encode(said) in call.sound())
            await call.press(str(number))
        async with asyncio.timeout(5):
            last = await service.call(2)
            await last.has(lambda: last.calls)
        assert call.close_code is None
        assert len(service.peers) == 3
    assert log.lines[-1].startswith("media hung up, ")


def twice(first: bytes, again: bytes) -> Script:
    """Transfer; when the caller presses a key, speak and transfer once more."""

    async def script(peer: Peer) -> None:
        await peer.configured()
        for number, said in enumerate((first, again)):
            peer.machine.turn_begin()
            peer.machine.audio(said)
            peer.machine.call_control("transfer_to_human", destination="front desk")
            await peer.until(lambda number=number: len(peer.calls) > number)
        await peer.stay()

    return script


@pytest.mark.parametrize("trouble", ["wrong token", "refused"])
async def test_who_was_not_transferred_still_has_the_agent(trouble: str, log: Lines) -> None:
    """Twilio says 401 or 400: a line without a secret, and the conversation goes on; the next try succeeds."""
    first, again = ramp(0.3), ramp(0.3, 9000)
    async with twilio_rest() as rest, omni_service(twice(first, again)) as service:
        if trouble == "refused":
            rest.status = 400
        else:
            rest.token = "another_token_0123456789abcdef"
        async with (
            aclosing(rest.control()) as control,
            house(service.endpoint, options=DESK, control=control) as twilio,
            twilio.call() as call,
        ):
            await log.until(f"call {call.call_sid}: not transferred: Twilio: 40")
            rest.status, rest.token = 200, TOKEN
            await call.press("1")
            await call.until(lambda: g711.encode(again) in call.sound())
            assert await call.ended() == 1000
    assert rest.asked[-1][0] == call.call_sid
    assert log.lines[-1].startswith("media transferred, ")
    assert not any(TOKEN in line for line in log.lines)


async def test_the_caller_leaves_while_a_transfer_is_refused(log: Lines) -> None:
    async with twilio_rest() as rest, omni_service(transferring("front desk")) as service:
        rest.status = 404
        async with (
            aclosing(rest.control()) as control,
            house(service.endpoint, options=DESK, control=control) as twilio,
            twilio.call() as call,
        ):
            leaving: list[asyncio.Task[None]] = []
            rest.on_ask = lambda: leaving.append(asyncio.create_task(call.hang_up()))
            await call.ended()
            await log.until("media ")
            await asyncio.gather(*leaving)
    assert any("not transferred: Twilio: 404" in line for line in log.lines)


async def test_an_agent_that_cannot_be_chosen_ends_the_call(log: Lines) -> None:
    def choose(started: Started) -> OmniOptions:
        raise KeyError(started.parameters["to"])

    async with omni_service(stay) as service, house(service.endpoint, choose) as twilio, twilio.call() as call:
        assert await call.ended() in (1006, 1011)
        assert not service.dials
    assert [line for line in log.lines if line.startswith("media ")] == [log.lines[-1]]
    assert log.lines[-1].startswith("media failed, ") and NUMBER not in log.lines[-1]


# TwiML


@pytest.mark.parametrize("value", ['"><Hangup/>', "a&b", "<![CDATA[x", "]]>", "é 漢 😀", "'", "tab\tand line\nbreak"])
def test_what_is_written_into_twiml_is_read_back(value: str) -> None:
    twiml = ElementTree.fromstring(str(connect("wss://x.example/media", {"said": value})))
    (parameter,) = twiml.iter("Parameter")
    assert [each.tag for each in twiml] == ["Connect"]
    assert parameter.attrib["value"].split() == value.split()


@pytest.mark.parametrize("parameters", [{"a": "b\0"}, {"a\x1b": "b"}, {"a": "\ud800"}, {"a": "\uffff"}])
def test_what_xml_cannot_say_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="control character"):
        connect("wss://x.example/media", parameters)


async def test_a_webhook_with_odd_fields_is_answered_all_the_same() -> None:
    """Empty, repeated and unprintable values are signed like others, and do not spoil the TwiML."""
    async with house(Endpoint(api_key="pyai_test_key_0123456789", base_url="http://127.0.0.1:1")) as twilio:
        form = {"CallSid": "CA1", "From": "sip:x\x00y\x1b@example.com", "To": "", "CallerCity": "", "Ö": "ß 漢&=+"}
        headers = {"X-Twilio-Signature": twilio.sign(f"{twilio.url}/voice", form)}
        response = await twilio.http.post("/voice", data=form, headers=headers)
        assert response.status_code == 200
        told = {
            each.attrib["name"]: each.attrib["value"]
            for each in ElementTree.fromstring(response.text).iter("Parameter")
        }
        assert told == {"from": "sip:xy@example.com"}
