"""Omni over real sockets, fault by fault."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, TypeVar

import pytest

from pyai_voice.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectivityError,
    PermissionDeniedError,
    ProtocolError,
    PyAIError,
    RequestError,
    ServerError,
    StalledError,
    UnsupportedError,
)
from pyai_voice.events import AudioLost, Connected, Disconnected, Problem
from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import (
    CallEnded,
    CallerTranscript,
    CallStarted,
    Configured,
    Interrupted,
    OmniEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCallClosed,
    ToolCalled,
)
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.options import Endpoint, LinkOptions
from pyai_voice.protocol.omni.server import ToolAnswered
from tests.core.omni_service import Peer, Service, omni_service, stay
from tests.core.scripted import KEY

SLOT = 640
"""Bytes of 20 ms at 16000."""
LOOKUP = Tool(name="lookup_order", timeout=0.3)
_E = TypeVar("_E")


def stream(service: Service, **options: Any) -> OmniStream:
    return OmniStream(service.endpoint, OmniOptions(**options))


async def next_of(kind: type[_E], omni: OmniStream, seen: list[OmniEvent] | None = None) -> _E:
    """Read until an event of one kind comes."""
    async with asyncio.timeout(20):
        async for event in omni:
            if seen is not None:
                seen.append(event)
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__}")


async def collect(omni: OmniStream) -> tuple[list[OmniEvent], PyAIError | None]:
    """Read to the end; return the events and the error that ended them."""
    events: list[OmniEvent] = []
    async with asyncio.timeout(20):
        try:
            async for event in omni:
                events.append(event)
        except PyAIError as error:
            return events, error
    return events, None


async def test_a_conversation() -> None:
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(bytes(4_800))
        peer.machine.agent_said("Hello.")
        await peer.until(lambda: len(peer.audio) >= 10 * SLOT)
        peer.machine.caller_said("Where is")
        peer.machine.caller_said(" my order?")
        peer.machine.turn_begin(0.4)
        call = peer.machine.tool_call("lookup_order", {"order_id": "9"}, asyncio.get_running_loop().time())
        await peer.until(lambda: peer.calls)
        assert peer.calls == [ToolAnswered(call, "lookup_order", {"status": "shipped", "order": "9"})]
        peer.machine.audio(bytes(4_800))
        peer.machine.agent_said("It was shipped.")
        peer.machine.end()
        await peer.flush()

    async def lookup(arguments: dict[str, Any]) -> object:
        return {"status": "shipped", "order": arguments["order_id"]}

    async with omni_service(converse) as service:
        options = OmniOptions(persona="You sell tea", greeting="Hello.", tools=(LOOKUP,))
        async with OmniStream(service.endpoint, options, handlers={"lookup_order": lookup}) as omni:
            events, error = await collect(omni)
    assert error is None
    assert [type(each).__name__ for each in events] == [
        "Connected", "CallStarted", "Configured",
        "AgentTurnBegan", "ReplyStarted", "ReplyAudio", "ReplyText",
        "ReplyEnded", "CallerTranscript", "CallerTranscript", "CallerTranscript", "AgentTurnBegan", "ToolCalled",
        "ReplyStarted", "ReplyAudio", "ReplyText", "ReplyEnded", "CallEnded",
    ]  # fmt: skip
    assert events[-1] == CallEnded("service")
    assert events[1] == CallStarted("call_0", 24000)
    assert [each.text for each in events if isinstance(each, CallerTranscript) and each.final] == ["Where is my order?"]


async def test_the_address_and_the_credential() -> None:
    async with omni_service(stay) as service:
        async with stream(service, session_label="tea", rate=8000) as omni:
            assert (await next_of(CallStarted, omni)).output_rate == 8000
            assert omni.call_id == "call_0"
        request = service.peers[0].socket.request
        assert request
        assert request.path == "/v1/omni?session_label=tea&format=pcm16&rate=8000"
        assert request.headers["Sec-WebSocket-Protocol"].replace(" ", "") == f"pyai.v1,pyai-key.{KEY}"


# The caller's audio


@pytest.mark.conforms("O-07")
async def test_silence_is_sent_one_message_for_each_slot_and_never_more_than_real_time() -> None:
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            await next_of(Configured, omni)
            peer = service.peers[0]
            async with asyncio.timeout(20):
                await peer.has(lambda: len(peer.slots) >= 50)
        sizes = {size for _, size in peer.slots}
        assert sizes == {SLOT} and not any(peer.audio)
        passed = peer.slots[49][0] - peer.slots[0][0]
        assert passed >= 49 * 0.02 - 0.05


@pytest.mark.conforms("O-07")
async def test_what_was_missed_is_not_made_up_by_a_burst() -> None:
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            await next_of(Configured, omni)
            peer = service.peers[0]
            before, began = len(peer.slots), asyncio.get_running_loop().time()
            time.sleep(0.5)  # noqa: ASYNC251 - the loop is to be late
            await asyncio.sleep(0.1)
            passed = asyncio.get_running_loop().time() - began
            assert len(peer.slots) - before <= (passed - 0.5) / 0.015 + 3


async def test_what_was_missed_is_made_up_for_little_by_little() -> None:
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            await next_of(Configured, omni)
            peer = service.peers[0]
            time.sleep(0.3)  # noqa: ASYNC251 - the loop is to be late, by 15 slots

            def caught_up() -> bool:
                passed = asyncio.get_running_loop().time() - peer.slots[0][0]
                return len(peer.slots) >= passed / 0.02 - 13  # some are lost where the machine is later still

            async with asyncio.timeout(20):
                await peer.has(caught_up)


async def test_the_callers_audio_arrives_whole_between_silence() -> None:
    speech = bytes(range(1, 251)) * 64  # 0.5 s
    async with omni_service(stay) as service:
        async with stream(service) as omni:
            for at in range(0, len(speech), 333):
                omni.send_audio(speech[at : at + 333])
            await next_of(Configured, omni)
            peer = service.peers[0]
            async with asyncio.timeout(20):
                await peer.has(lambda: speech in peer.audio)
            assert {size for _, size in peer.slots} == {SLOT}


async def test_audio_that_was_dropped_before_the_first_connection_is_told_of() -> None:
    async with omni_service(stay) as service, stream(service) as omni:
        omni.send_audio(b"\x01\x01" * 16_000 * 3)
        assert (await next_of(AudioLost, omni)).seconds == pytest.approx(1.0)


async def test_a_muted_caller_is_silent_and_too_much_audio_is_told_of() -> None:
    async with omni_service(stay) as service:
        async with stream(service, input_rate=48000) as omni:
            await next_of(Configured, omni)
            omni.mute()
            omni.send_audio(b"\x01\x01" * 48_000)
            await asyncio.sleep(0.1)
            assert not any(service.peers[0].audio)
            omni.mute(False)
            omni.send_audio(b"\x01\x01" * 48_000 * 4)
            assert (await next_of(AudioLost, omni)).seconds == pytest.approx(2.0, abs=0.1)


# The agent's audio


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
async def test_the_agents_audio_comes_at_the_rate_that_was_asked_for_and_whole(rate: int) -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(10):
            peer.machine.audio(b"\x10\x00" * 1_200)
        await peer.stay()

    async with omni_service(speak) as service, stream(service, output_rate=rate) as omni:
        events: list[OmniEvent] = []
        ended = await next_of(ReplyEnded, omni, events)
        pieces = [each for each in events if isinstance(each, ReplyAudio)]
        assert {(each.rate, each.reply) for each in pieces} == {(rate, ended.reply)}
        assert abs(sum(len(each.pcm) for each in pieces) // 2 - rate // 2) <= 1
        assert ended.seconds == pytest.approx(0.5)


async def test_after_a_flush_nothing_of_the_turn_is_delivered_even_if_it_waits_to_be_read() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(20):
            peer.machine.audio(bytes(9_600))
        peer.machine.agent_said("Once upon a time")
        peer.machine.interrupt("energy")
        peer.machine.turn_begin()
        peer.machine.audio(b"\x01\x00" * 480)
        peer.machine.end()
        await peer.stay()

    async with omni_service(speak) as service, stream(service) as omni:
        async with asyncio.timeout(20):
            await service.gone.wait()
        await omni.aclose()
        events, error = await collect(omni)
    assert error is None
    assert [each.pcm for each in events if isinstance(each, ReplyAudio)] == [b"\x01\x00" * 480]
    assert not [each for each in events if isinstance(each, ReplyText)]
    assert [type(each) for each in events if isinstance(each, ReplyStarted | Interrupted | ReplyEnded)] == [
        ReplyStarted,
        Interrupted,
        ReplyEnded,
        ReplyStarted,
        ReplyEnded,
    ]


async def test_our_own_interruption_lasts_until_the_next_turn() -> None:
    go_on = asyncio.Event()

    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(bytes(48_000))
        await peer.until(go_on.is_set)
        peer.machine.audio(bytes(48_000))
        peer.machine.turn_begin()
        peer.machine.audio(b"\x01\x00" * 480)
        await peer.stay()

    async with omni_service(speak) as service, stream(service) as omni:
        await next_of(ReplyAudio, omni)
        omni.interrupt()
        assert await next_of(Interrupted, omni) == Interrupted("r1", "client")
        go_on.set()
        assert (await next_of(ReplyAudio, omni)).pcm == b"\x01\x00" * 480


async def test_events_that_nobody_reads_end_the_stream() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        for _ in range(40):
            peer.machine.audio(bytes(480_000))
            await peer.flush()
        await peer.stay()

    async with omni_service(speak) as service:
        omni = stream(service)
        omni.start()
        async with asyncio.timeout(20):
            await service.gone.wait()
        _, error = await collect(omni)
        assert isinstance(error, ConfigurationError) and error.code == "events_not_read"
        await omni.aclose()


# Tools


async def test_handlers_answer_each_call_once_whatever_they_do() -> None:
    cancelled = asyncio.Event()

    async def call(peer: Peer) -> None:
        await peer.configured()
        now = asyncio.get_running_loop().time()
        for name in ("good", "broken", "slow", "unknown", "asked"):
            peer.machine.tool_call(name, {"n": 1}, now)
        for message in peer.machine.data_to_send():
            await peer.socket.send(message)
            await peer.socket.send(message)  # twice
        peer.machine.interrupt("energy")
        await peer.until(lambda: len(peer.kinds("tool_result")) == 5)
        peer.machine.end()
        await peer.stay()

    async def good(arguments: dict[str, Any]) -> object:
        await asyncio.sleep(0)
        return arguments

    async def broken(arguments: dict[str, Any]) -> object:
        raise KeyError(KEY)

    async def slow(arguments: dict[str, Any]) -> object:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return None

    tools = tuple(Tool(name=name, timeout=0.3) for name in ("good", "broken", "slow", "asked"))
    handlers = {"good": good, "broken": broken, "slow": slow}
    async with omni_service(call) as service:
        async with OmniStream(service.endpoint, OmniOptions(tools=tools), handlers=handlers) as omni:
            events: list[OmniEvent] = []
            async with asyncio.timeout(20):
                async for event in omni:
                    events.append(event)
                    if isinstance(event, ToolCalled) and event.name == "asked":
                        omni.fail(event.call_id, "not today")
                        omni.answer(event.call_id, "twice")
        results = {
            each["call_id"]: each.get("result", each.get("error")) for each in service.peers[0].kinds("tool_result")
        }
        assert len(service.peers[0].kinds("tool_result")) == 5
    assert results == {
        "tc_1": {"n": 1},
        "tc_2": "the tool failed (KeyError)",
        "tc_3": "the tool did not answer in time",
        "tc_4": "there is no tool unknown",
        "tc_5": "not today",
    }
    assert [each for each in events if isinstance(each, ToolCallClosed)] == [ToolCallClosed("tc_3", "timeout")]
    assert cancelled.is_set()


async def test_work_for_a_lost_call_stops() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def call_and_break(peer: Peer) -> None:
        await peer.configured()
        peer.machine.tool_call("lookup_order", {}, asyncio.get_running_loop().time())
        await peer.until(started.is_set)
        peer.socket.transport.abort()

    async def lookup(arguments: dict[str, Any]) -> object:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    options = OmniOptions(tools=(Tool(name="lookup_order", timeout=30),))
    async with (
        omni_service(call_and_break, stay) as service,
        OmniStream(service.endpoint, options, handlers={"lookup_order": lookup}) as omni,
    ):
        assert (await next_of(ToolCallClosed, omni)).reason == "disconnected"
        async with asyncio.timeout(5):
            await cancelled.wait()


async def test_work_stops_when_the_stream_is_closed() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def call(peer: Peer) -> None:
        await peer.configured()
        peer.machine.tool_call("lookup_order", {}, asyncio.get_running_loop().time())
        await peer.stay()

    async def lookup(arguments: dict[str, Any]) -> object:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    options = OmniOptions(tools=(Tool(name="lookup_order", timeout=30),))
    async with omni_service(call) as service:
        omni = OmniStream(service.endpoint, options, handlers={"lookup_order": lookup})
        omni.start()
        async with asyncio.timeout(20):
            await started.wait()
        await omni.aclose()
    assert cancelled.is_set()


# What else the program says


async def test_options_digits_and_answers_reach_the_service() -> None:
    async with omni_service(stay) as service:
        async with stream(service, persona="A", voice="onyx") as omni:
            omni.update(persona="B")  # before there is a connection
            omni.press("1#")
            await next_of(Configured, omni)
            omni.update(persona="C")
            await next_of(Configured, omni)
            with pytest.raises(ConfigurationError, match="rate cannot change"):
                omni.update(rate=8000)
            with pytest.raises(ConfigurationError, match="digits"):
                omni.press("one")
        peer = service.peers[0]
        assert [each["persona"] for each in peer.kinds("configure")] == ["B", "C"]
        assert [each["voice_id"] for each in peer.kinds("configure")] == ["onyx", "onyx"]
        assert [each["digits"] for each in peer.kinds("dtmf")] == ["1", "#"]


# The end


@pytest.mark.conforms("O-16")
async def test_closing_says_goodbye_closes_with_1000_and_may_be_repeated() -> None:
    closed: list[int | None] = []

    async def note(peer: Peer) -> None:
        await stay(peer)
        await peer.socket.wait_closed()
        closed.append(peer.socket.close_code)

    async with omni_service(note) as service:
        omni = stream(service)
        omni.start()
        await next_of(Configured, omni)
        await asyncio.gather(omni.aclose(), omni.aclose())
        await omni.aclose()
        events, error = await collect(omni)
        assert error is None and events[-1] == CallEnded("client")
        assert omni.closed
        with pytest.raises(ConnectivityError):
            omni.send_audio(bytes(SLOT))
        omni.start()
    assert [each["type"] for each in service.peers[0].controls] == ["configure", "session_ending"]
    assert closed == [1000] and len(service.dials) == 1


async def test_a_connection_that_breaks_during_the_goodbye_is_no_error() -> None:
    async def drop(peer: Peer) -> None:
        await stay(peer)
        peer.socket.transport.abort()

    async with omni_service(drop) as service:
        omni = stream(service)
        omni.start()
        await next_of(Configured, omni)
        await omni.aclose()
        events, error = await collect(omni)
        assert error is None and events[-1] == CallEnded("client")


async def test_a_stream_that_was_never_started_closes_at_once() -> None:
    omni = OmniStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"))
    await omni.aclose()
    assert await collect(omni) == ([CallEnded("client")], None)
    started = OmniStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"))
    started.start()
    await started.aclose()
    assert await collect(started) == ([CallEnded("client")], None)


async def test_a_normal_close_by_the_service_is_the_end_of_the_call() -> None:
    async def leave(peer: Peer) -> None:
        await peer.configured()

    async with omni_service(leave) as service, stream(service) as omni:
        events, error = await collect(omni)
        assert error is None and events[-1] == CallEnded("service")
        assert len(service.dials) == 1


# Reconnecting


@pytest.mark.conforms("O-17")
@pytest.mark.parametrize(
    ("code", "kind"), [(1008, AuthenticationError), (4401, AuthenticationError), (4403, PermissionDeniedError)]
)
async def test_a_refusal_for_good_is_final_at_once(code: int, kind: type[PyAIError]) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.configured()
        await peer.socket.close(code, "no")

    async with omni_service(refuse) as service, stream(service) as omni:
        _, error = await collect(omni)
        assert type(error) is kind
        assert len(service.dials) == 1


@pytest.mark.conforms("O-17")
@pytest.mark.parametrize("code", [1011, 4429, None])
async def test_after_a_lost_connection_a_new_call_is_configured_with_what_was_said(code: int | None) -> None:
    async def break_off(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.agent_said("Tea or coffee?")
        peer.machine.caller_said("Tea")
        peer.machine.turn_begin()
        await peer.flush()
        if code is None:
            peer.socket.transport.abort()
        else:
            await peer.socket.close(code)

    async with omni_service(break_off, stay) as service:
        async with stream(service, persona="You sell tea.", greeting="Hello") as omni:
            events: list[OmniEvent] = []
            await next_of(Disconnected, omni, events)
            lost_at = asyncio.get_running_loop().time()
            await next_of(Configured, omni, events)
        assert service.dials[1] - lost_at >= 0.95
        first, second = (peer.kinds("configure")[0] for peer in service.peers)
        assert (first["persona"], first["greeting"]) == ("You sell tea.", "Hello")
        assert second["persona"].endswith("\nYou: Tea or coffee?\nCaller: Tea") and second["greeting"] == ""
        assert [each.connection for each in events if isinstance(each, Connected)] == [1, 2]


async def test_a_busy_service_is_asked_again_when_it_said() -> None:
    async with omni_service(stay, refusals=[(429, {"Retry-After": "1"}), (503, {})]) as service:
        async with stream(service) as omni:
            omni.send_audio(b"\x01\x01" * 16_000)
            await next_of(Configured, omni)
        assert len(service.dials) == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError), (400, RequestError)]
)
async def test_a_refused_upgrade_is_final(status: int, kind: type[PyAIError]) -> None:
    async with omni_service(stay, refusals=[(status, {})]) as service, stream(service) as omni:
        events, error = await collect(omni)
        assert events == [] and type(error) is kind


async def test_an_outage_that_lasts_is_one_error() -> None:
    omni = OmniStream(
        Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"), link=LinkOptions(ride_through=0.5, open_timeout=1)
    )
    async with omni:
        events, error = await collect(omni)
    assert isinstance(error, ConnectivityError)
    assert {type(each) for each in events} == {Disconnected}


async def test_a_configure_that_is_not_confirmed_is_final_and_says_what_may_be_dropped() -> None:
    async def mute(peer: Peer) -> None:
        peer.confirms = False
        await stay(peer)

    async with omni_service(mute) as service, stream(service, voice="onyx", confirm_timeout=0.2) as omni:
        _, error = await collect(omni)
        assert isinstance(error, StalledError) and "voice_id" in str(error)
        assert len(service.dials) == 1


async def test_a_configure_that_is_confirmed_otherwise_is_final() -> None:
    async def other(peer: Peer) -> None:
        peer.confirms = False
        await peer.configured()
        peer.machine.confirm(voice="echo", language="en", greeting=False, knowledge=False, tools=0)
        await peer.stay()

    async with omni_service(other) as service, stream(service, voice="onyx") as omni:
        _, error = await collect(omni)
        assert isinstance(error, RequestError) and "voice onyx (echo is used)" in str(error)


async def test_what_the_service_says_before_it_closes_is_the_error() -> None:
    async def fail(peer: Peer) -> None:
        await peer.configured()
        await peer.socket.send(b'\x01{"detail":"unknown voice zoe"}')
        await peer.socket.close(1011)

    async with omni_service(fail) as service, stream(service) as omni:
        events, error = await collect(omni)
        assert "unknown voice zoe" in str(error) and not isinstance(error, ServerError)
        assert [each for each in events if isinstance(each, Problem)]


async def test_an_address_that_speaks_openais_events_is_named() -> None:
    async def other(peer: Peer) -> None:
        await peer.socket.send('{"type":"session.created"}')
        await peer.stay()

    async with omni_service(other) as service, stream(service, surface="realtime") as omni:
        _, error = await collect(omni)
        assert isinstance(error, ProtocolError) and error.code == "openai_realtime"


@pytest.mark.slow
async def test_a_connection_that_is_deaf_is_given_up() -> None:
    async def deaf(peer: Peer) -> None:
        await peer.configured()
        await peer.stay()

    async with omni_service(deaf, stay) as service:
        link = LinkOptions(silence_from_server=0.5)
        async with OmniStream(service.endpoint, link=link) as omni:
            await next_of(Configured, omni)
            async with asyncio.timeout(20):
                reading = asyncio.create_task(next_of(Disconnected, omni))
                while not reading.done():
                    omni.send_audio(b"\x00\x40" * 320)
                    await asyncio.sleep(0.02)
            assert isinstance((await reading).error, StalledError)


# Hygiene


async def test_a_provider_without_omni_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="omni"):
        OmniStream(Endpoint.audiopod("ap_0123456789abcdef"))


async def test_iterating_is_cancel_safe() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        for number in range(1, 21):
            peer.machine.caller_said(f"{number} ")
            await peer.flush()
            await peer.until(lambda: True)
        peer.machine.end()
        await peer.flush()

    async with omni_service(speak) as service, stream(service) as omni:
        events: list[OmniEvent] = []
        async with asyncio.timeout(20):
            while not isinstance(events[-1] if events else None, CallEnded):
                try:
                    async with asyncio.timeout(0.001):
                        events.append(await anext(omni))
                except TimeoutError:
                    continue
    texts = [each.text for each in events if isinstance(each, CallerTranscript) and not each.final]
    assert texts == [" ".join(map(str, range(1, count + 1))) for count in range(1, 21)]


async def test_the_key_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def refuse(peer: Peer) -> None:
        await peer.configured()
        await peer.socket.close(1008, f"bad key {KEY}")

    async with omni_service(refuse, refusals=[(503, {})]) as service, stream(service) as omni:
        _, error = await collect(omni)
        assert error is not None
        shown = f"{error!r} {error.__cause__!r} {error.__context__!r} {omni.options!r}"
    sent_by_us = "\n".join(each.getMessage() for each in caplog.records if each.name.startswith("pyai_voice"))
    assert KEY not in shown and KEY not in sent_by_us


async def test_many_streams_leave_no_task_behind() -> None:
    async def speak(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(bytes(48_000))
        await peer.stay()

    before = asyncio.all_tasks()
    async with omni_service(speak) as service:
        streams = [stream(service) for _ in range(20)]
        for omni in streams:
            omni.start()
        assert len(await asyncio.gather(*[next_of(ReplyAudio, omni) for omni in streams])) == 20
        await asyncio.gather(*[omni.aclose() for omni in streams])
    assert asyncio.all_tasks() == before
