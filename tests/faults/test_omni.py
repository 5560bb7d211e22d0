"""Each fault of an Omni call, once, against our own stream: what the caller's side is told, and what it does then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from pyai_voice.errors import (
    AuthenticationError,
    ConfigurationError,
    PermissionDeniedError,
    PyAIError,
)
from pyai_voice.events import Disconnected, Problem
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
    ServiceEvent,
    ToolCalled,
)
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.options import LinkOptions
from pyai_voice.protocol.omni.server import Dialect
from pyai_voice.server.brain.scripted import ScriptedBrain, call
from pyai_voice.server.settings import Settings
from pyai_voice.testing import (
    Abort,
    AudioAfterFlush,
    AudioBeforeHello,
    BreakReply,
    Close,
    ConfirmedTwice,
    Delay,
    Events,
    FaultyServer,
    HalfSamples,
    Hang,
    HangUp,
    LateConfirmation,
    LateToolResult,
    NoConfirmation,
    NoToolResult,
    OmniFault,
    Refuse,
    Say,
    Stall,
    ToolCalledTwice,
    WrongConfirmation,
    coded_speech,
    spoken,
)

_E = TypeVar("_E")

HELLO = "Hello there."
SECOND = 32_000
"""Bytes of a second of the caller's audio."""
LINK = LinkOptions(open_timeout=2.0, ride_through=10.0, ping=1.0, send_stall=1.0)
LOOK = Tool(name="look", timeout=0.5)


class Call:
    """A call of our own stream, and what it was told."""

    def __init__(self, stream: OmniStream) -> None:
        self.stream = stream
        self.events: list[OmniEvent] = []

    async def until(self, kind: type[_E], count: int = 1) -> _E:
        """Read until there are so many events of a kind; return the last."""
        async with asyncio.timeout(20):
            while len(self.all(kind)) < count:
                self.events.append(await anext(self.stream))
        return self.all(kind)[count - 1]

    async def fails(self) -> PyAIError:
        """Read to the end; return the error that ended it."""
        with pytest.raises(PyAIError) as failure:
            async with asyncio.timeout(20):
                async for event in self.stream:
                    self.events.append(event)
        return failure.value

    def all(self, kind: type[_E]) -> list[_E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def sound(self) -> bytes:
        return b"".join(event.pcm for event in self.all(ReplyAudio))

    @property
    def complaints(self) -> list[str]:
        return [str(event.error) for event in self.all(Problem)]


@asynccontextmanager
async def calling(
    *faults: OmniFault,
    brain: ScriptedBrain | None = None,
    settings: Settings | None = None,
    handlers: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncGenerator[tuple[FaultyServer, Call]]:
    """Call a server that has these faults."""
    async with FaultyServer(omni=faults, brain=brain, settings=settings) as server:
        wanted = OmniOptions(**{"greeting": HELLO, "output_rate": 24000, **options})
        async with OmniStream(server.endpoint, wanted, handlers=handlers, link=LINK) as stream:
            yield server, Call(stream)


async def look(_: dict[str, Any]) -> str:
    return "seen"


async def test_without_a_fault_the_greeting_comes_whole_and_the_record_has_both_sides() -> None:
    async with calling() as (server, call):
        await call.until(ReplyEnded)
        assert call.sound == spoken(HELLO)
    [record] = server.calls
    assert record.kind("configure")[0]["greeting"] == HELLO
    assert [each["event"] for each in record.events][:3] == ["hello", "session_started", "configured"]
    assert len(record.audio) >= SECOND // 10
    assert record.pieces
    assert record.query["rate"] == "16000"
    assert server.api_key not in repr(record)


@pytest.mark.parametrize(
    "fault", [Refuse(503, "service_unavailable"), HangUp(), Hang(), Delay(0.2)], ids=lambda fault: type(fault).__name__
)
async def test_a_call_that_cannot_be_opened_is_dialled_again_after_a_second_or_more(fault: OmniFault) -> None:
    async with calling(fault) as (server, call):
        await call.until(ReplyEnded)
        assert call.sound == spoken(HELLO)
    if isinstance(fault, Delay):
        assert len(server.calls) == 1
    else:
        first, second = server.calls
        assert second.at - first.at >= 1.0  # the service holds on to a lost call for a while


@pytest.mark.parametrize(
    "fault", [Abort(3200), Close(1011, after_bytes=3200), Stall(3200)], ids=lambda fault: type(fault).__name__
)
async def test_after_a_lost_connection_there_is_a_new_call(fault: OmniFault) -> None:
    async with calling(fault) as (server, call):
        await call.until(CallStarted, 2)
        assert len(call.all(Disconnected)) == 1
        await server.until(lambda: len(server.calls) == 2 and server.calls[1].kind("configure"))
    assert len(server.calls[0].audio) >= 3200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Refuse(401, "invalid_api_key"), AuthenticationError),
        (Refuse(403, "insufficient_scope"), PermissionDeniedError),
        (Close(1008, "policy"), PyAIError),
        (Close(4401), AuthenticationError),
        (Close(4403), PermissionDeniedError),
    ],
)
async def test_what_no_retry_can_mend_is_told_once_and_not_dialled_again(
    fault: OmniFault, error: type[PyAIError]
) -> None:
    async with calling(fault) as (server, call):
        assert isinstance(await call.fails(), error)
    assert len(server.calls) == 1


@pytest.mark.parametrize("code", [None, 1011])
async def test_a_reply_that_breaks_off_ends_and_a_new_call_follows(code: int | None) -> None:
    async with calling(BreakReply(3, code)) as (server, call):
        ended = await call.until(ReplyEnded)
        assert ended.interrupted
        await call.until(CallStarted, 2)
        assert len(call.all(Disconnected)) == 1
    assert server.calls[0].pieces == 3


async def test_a_confirmation_that_does_not_come_ends_the_stream() -> None:
    async with calling(NoConfirmation(), confirm_timeout=0.3) as (_, call):
        assert "configure" in str(await call.fails())


async def test_a_late_confirmation_does_not_hold_up_the_greeting() -> None:
    async with calling(LateConfirmation(0.5)) as (_, call):
        await call.until(Configured)
        assert call.all(ReplyAudio)
        await call.until(ReplyEnded)
        assert call.sound == spoken(HELLO)


async def test_a_second_confirmation_does_no_harm() -> None:
    async with calling(ConfirmedTwice()) as (_, call):
        await call.until(ReplyEnded)
        assert call.sound == spoken(HELLO)


@pytest.mark.parametrize("fields", [{"tools": 0}, {"voice_id": "onyx"}, {"greeting": False}, {"kb": True, "tools": 2}])
async def test_what_is_confirmed_otherwise_than_asked_is_an_error_that_says_what(fields: dict[str, Any]) -> None:
    async with calling(WrongConfirmation(fields), tools=(LOOK,), voice="stock_slope") as (_, call):
        error = await call.fails()
    assert isinstance(error, ConfigurationError | PyAIError)
    assert any(name.removesuffix("_id") in str(error) for name in fields)


async def test_audio_before_hello_is_not_played_at_a_rate_that_nobody_said() -> None:
    async with calling(AudioBeforeHello()) as (_, call):
        await call.until(CallStarted)
        assert not call.all(ReplyAudio)
        await call.until(Configured)
        await call.until(ReplyEnded, 2)
        assert call.sound[-len(spoken(HELLO)) :] == spoken(HELLO)


async def test_half_a_sample_is_dropped_and_told_and_the_call_goes_on() -> None:
    async with calling(HalfSamples()) as (_, call):
        await call.until(Problem)
        await call.until(Configured)
        assert all(len(event.pcm) % 2 == 0 for event in call.all(ReplyAudio))


async def test_audio_after_an_interruption_is_not_delivered() -> None:
    fault = AudioAfterFlush()
    async with calling(fault, greeting=HELLO * 10) as (server, call):
        await call.until(ReplyAudio, 5)
        call.stream.send_audio(coded_speech(40))
        await call.until(Interrupted)
        before, pieces = len(call.all(ReplyAudio)), server.calls[0].pieces
        await call.until(CallerTranscript)  # what came after the ghost
        assert len(call.all(ReplyAudio)) == before
    assert server.calls[0].pieces >= pieces > before


@pytest.mark.parametrize(
    ("message", "complaint"),
    [("text", "without a tag"), (b"\x09?", "unknown tag"), (b"\x03[", "no JSON object"), (b"\x02\xff", "no UTF-8")],
)
async def test_what_is_no_message_is_told_and_the_call_goes_on(message: str | bytes, complaint: str) -> None:
    async with calling(Say((message,), after_bytes=3200)) as (_, call):
        await call.until(Problem)
        assert complaint in call.complaints[0]
        await call.until(ReplyEnded)
        assert call.sound == spoken(HELLO)


async def test_events_of_any_kind_can_be_sent() -> None:
    strange = {"event": "sunrise", "colour": "red"}
    fault = Events(({"event": "error", "code": "engine_unavailable", "message": "soon"}, strange))
    async with calling(fault) as (_, call):
        assert (await call.until(ServiceEvent)).name == "sunrise"
        assert "soon" in call.complaints[0]


async def test_an_engine_that_fails_in_the_place_of_audio_is_told() -> None:
    async with calling(Say((b'\x01{"detail":"unknown voice"}',), after_bytes=3200)) as (_, call):
        await call.until(Problem)
        assert "unknown voice" in call.complaints[0]


def asks() -> ScriptedBrain:
    """Return a brain that asks for the tool, then answers."""
    return ScriptedBrain([[call("look")], "There it is."])


async def asked(conversation: Call) -> None:
    await conversation.until(ReplyEnded)
    conversation.stream.send_audio(coded_speech(50))
    await conversation.until(ToolCalled)


async def test_a_tool_call_that_comes_twice_is_answered_once() -> None:
    async with calling(ToolCalledTwice(), brain=asks(), handlers={"look": look}, tools=(LOOK,)) as (server, made):
        await asked(made)
        await made.until(ReplyEnded, 2)
    assert len(made.all(ToolCalled)) == 1
    assert [each["result"] for each in server.calls[0].kind("tool_result")] == ["seen"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [NoToolResult(), LateToolResult(6.0)], ids=lambda fault: type(fault).__name__)
async def test_an_answer_that_the_service_does_not_get_in_time_is_an_error_for_its_brain(fault: OmniFault) -> None:
    brain = asks()
    async with calling(fault, brain=brain, handlers={"look": look}, tools=(LOOK,)) as (server, made):
        await asked(made)
        await made.until(ReplyEnded, 2)
        await asyncio.sleep(1.2)  # the late answer reaches the service, which has no use for it
    assert len(server.calls[0].kind("tool_result")) == 1
    [heard] = [message for message in brain.prompts[1].messages if message.role == "tool"]
    assert heard.failed
    assert "in time" in heard.text
    assert len(brain.prompts) == 2


async def test_an_answer_that_is_late_and_in_time_is_taken() -> None:
    brain = asks()
    async with calling(LateToolResult(0.5), brain=brain, handlers={"look": look}, tools=(LOOK,)) as (_, made):
        await asked(made)
        await made.until(ReplyEnded, 2)
    [heard] = [message for message in brain.prompts[1].messages if message.role == "tool"]
    assert (heard.text, heard.failed) == ("seen", False)


async def test_the_other_dialect_is_understood() -> None:
    other = Dialect(
        confirmation="config_ack",
        words_as_json=True,
        position_key="type",
        takes_event_key=True,
        announces_turns_twice=True,
    )
    brain, settings = ScriptedBrain(["You are welcome."]), Settings(omni_dialect=other)
    async with calling(brain=brain, settings=settings) as (server, call):
        await call.until(ReplyEnded)
        call.stream.send_audio(coded_speech(50))
        await call.until(ReplyEnded, 2)
        assert call.sound == spoken(HELLO) + spoken("You are welcome.")
        assert not call.complaints
        assert not call.all(ServiceEvent)
    assert {"config_ack", "turn"} <= {each.get("event") for each in server.calls[0].events}


async def test_a_call_can_be_ended_by_the_service() -> None:
    async with calling(Events(({"event": "session_end"},))) as (_, call):
        assert (await call.until(CallEnded)).reason == "service"
