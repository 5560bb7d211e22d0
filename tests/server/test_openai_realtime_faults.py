"""Realtime sessions in which something goes otherwise: interruptions, cancels, wrong input, engines that fail."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pyai_voice import g711
from pyai_voice.server.brain import BrainError
from pyai_voice.server.settings import Settings
from tests.server.conftest import Local
from tests.server.fakes import silence, tone
from tests.server.openai_realtime import brain_of, openai_client, pause, realtime_server, session_with, speech

LONG = "Once upon a time there was a very long story without an end"


def address(local: Local, query: str = "model=gpt-realtime") -> str:
    return f"ws{local.server.base_url.removeprefix('http')}/v1/realtime?{query}"


def bearer(local: Local) -> dict[str, str]:
    return {"Authorization": f"Bearer {local.server.api_key}"}


# Interruption


async def test_the_caller_interrupts_and_nothing_more_is_said() -> None:
    async with realtime_server(LONG, "Yes") as local, session_with(local) as session:
        await session.add("tell me a story")
        await session.connection.response.create()
        delta = await session.until("response.output_audio.delta")
        await session.speak(speech(1.0))
        done = await session.until("response.done")
        assert done.response.status == "cancelled"
        assert done.response.status_details.reason == "turn_detected"
        first = done.response.id
        assert session.kinds.index("input_audio_buffer.speech_started") < session.kinds.index("response.done")
        await session.connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=80)
        await session.until("conversation.item.truncated")
        await session.speak(pause(2.0))
        second = await session.until("response.done")
        assert second.response.status == "completed" and second.response.id != first
        after = session.events[session.events.index(done) + 1 :]
        assert not [event for event in after if getattr(event, "response_id", "") == first]
        told = brain_of(local).prompts[1].messages
        assert [(message.role, message.text) for message in told] == [
            ("user", "tell me a story"),
            ("user", "w1 w2 w3 w4 w5."),  # nothing of the story was heard in 80 ms
        ]


async def test_the_caller_does_not_interrupt_where_that_is_not_wanted() -> None:
    async with realtime_server("One two") as local, session_with(local) as session:
        await session.configure(
            audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}
        )
        await session.connection.response.create()
        await session.until("response.output_audio.delta")
        await session.speak(speech(0.5))
        done = await session.until("response.done")
        assert done.response.status == "completed"


async def test_an_answer_of_which_nothing_was_said_is_given_up_when_the_caller_speaks() -> None:
    thinking = asyncio.Event()
    async with realtime_server((thinking, "Too late"), "Yes") as local, session_with(local) as session:
        await session.connection.response.create()
        await session.until("response.created")
        await session.speak(speech(0.4), pause(2.0))
        done = await session.until("response.done")
        assert done.response.status_details.reason == "turn_detected" and done.response.output == []
        thinking.set()
        assert (await session.until("response.done")).response.output[0].content[0].transcript == "Yes"


async def test_a_cancelled_answer_stops_at_once() -> None:
    async with realtime_server(LONG, "Yes") as local, session_with(local) as session:
        await session.connection.response.create()
        await session.until("response.output_audio.delta")
        await session.connection.response.cancel()
        done = await session.until("response.done")
        assert done.response.status_details.reason == "client_cancelled"
        await session.connection.response.create()
        second = await session.until("response.done")
        assert second.response.output[0].content[0].transcript == "Yes"
        assert not [
            event
            for event in session.events[session.events.index(done) + 1 :]
            if getattr(event, "response_id", second.response.id) != second.response.id
        ]


# What is wrong


async def test_wrong_input_is_named_and_the_session_lives_on() -> None:
    async with realtime_server("Yes") as local, session_with(local) as session:
        assert (await session.refused(type="session.fly")).code == "invalid_value"
        assert (await session.refused(type="input_audio_buffer.append", audio="%%")).param == "audio"
        assert (await session.refused(type="input_audio_buffer.append", audio="AAAA")).code == "invalid_value"
        assert (await session.refused(type="input_audio_buffer.commit")).code == "input_audio_buffer_commit_empty"
        assert (await session.refused(type="response.cancel")).code == "response_cancel_not_active"
        error = await session.refused(
            type="session.update", session={"type": "realtime", "audio": {"output": {"voice": "nobody"}}}
        )
        assert error.param == "session.audio.output.voice"
        image = {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}
        assert (await session.refused(type="conversation.item.create", item=image)).code == "invalid_value"
        assert (await session.refused(type="output_audio_buffer.clear")).code == "invalid_value"
        await session.connection.response.create()
        assert (await session.until("response.done")).response.status == "completed"


@pytest.mark.parametrize("message", ["no json", "[]", b"\x00\x01"])
async def test_what_is_no_event_is_refused_and_the_session_lives_on(message: str | bytes) -> None:
    async with realtime_server() as local, connect(address(local), additional_headers=bearer(local)) as socket:
        await socket.recv()
        await socket.send(message)
        assert json.loads(await socket.recv())["type"] == "error"
        await socket.send('{"type": "session.update", "session": {"type": "realtime"}}')
        assert json.loads(await socket.recv())["type"] == "session.updated"


async def test_a_message_that_is_far_too_large_ends_the_session() -> None:
    settings = Settings(max_message=65_536)
    async with realtime_server(settings=settings) as local, session_with(local) as session:
        await session.connection.input_audio_buffer.append(audio="A" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            await session.connection.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("call_id=rtc_1", "unsupported_parameter"),
        ("intent=transcription", "unsupported_parameter"),
        ("model=" + "x" * 101, "unknown_model"),
        ("model=a%00b", "unknown_model"),
    ],
)
async def test_what_no_session_can_be_is_refused_before_the_upgrade(query: str, code: str) -> None:
    async with realtime_server() as local:
        with pytest.raises(InvalidStatus) as refused:
            await connect(address(local, query), additional_headers=bearer(local))
        assert refused.value.response.status_code == 400
        assert json.loads(refused.value.response.body)["error"]["code"] == code


# Who may


async def test_an_unknown_key_is_refused() -> None:
    async with realtime_server() as local:
        client = AsyncOpenAI(api_key="pyai_test_no", base_url=f"{local.server.base_url}/v1")
        async with client:
            with pytest.raises(InvalidStatus) as refused:
                await client.realtime.connect(model="gpt-realtime").enter()
        assert refused.value.response.status_code == 401


async def test_a_browser_carries_its_key_in_a_subprotocol_that_is_not_echoed() -> None:
    async with realtime_server() as local:
        offered: Any = ["realtime", f"openai-insecure-api-key.{local.server.api_key}"]
        async with connect(address(local), subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
            assert json.loads(await socket.recv())["type"] == "session.created"


async def test_a_session_token_opens_one_session() -> None:
    async with realtime_server() as local:
        made = await local.post("/v1/omni/sessions", json={"allowed_origins": ["https://shop.example"]})
        offered: Any = ["realtime", f"openai-insecure-api-key.{made.json()['token']}"]
        origin: Any = "https://shop.example"
        async with connect(address(local), subprotocols=offered, origin=origin) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
        with pytest.raises(InvalidStatus):
            await connect(address(local), subprotocols=offered, origin=origin)


async def test_the_key_may_be_in_the_address() -> None:
    async with realtime_server() as local:
        for name in ("access_token", "api_key"):
            async with connect(address(local, f"{name}={local.server.api_key}")) as socket:
                assert json.loads(await socket.recv())["session"]["model"] == "pyai-omni-realtime"


async def test_there_is_an_end_to_sessions() -> None:
    async with realtime_server(settings=Settings(max_streams=1)) as local, session_with(local):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address(local), additional_headers=bearer(local))
        assert refused.value.response.status_code == 429


# The beta


async def test_the_client_of_the_beta_is_answered_in_its_own_words() -> None:
    async with realtime_server("Good morning") as local, openai_client(local) as client:
        client = client.with_options(websocket_base_url=f"ws{local.server.base_url.removeprefix('http')}/v1")
        async with client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
            session: Any = {"voice": "alloy", "input_audio_format": "g711_ulaw", "turn_detection": None}
            await connection.session.update(session=session)
            await connection.response.create(response={"modalities": ["text", "audio"]})
            kinds: list[str] = []
            async with asyncio.timeout(20):
                while "response.done" not in kinds:
                    kinds.append((await connection.recv()).type)
        assert kinds[:3] == ["session.created", "conversation.created", "session.updated"]
        assert {"conversation.item.created", "response.audio.delta", "response.audio_transcript.done"} <= {*kinds}


# The telephone


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
async def test_a_telephone_is_heard_and_spoken_to(kind: str) -> None:
    async with realtime_server("Good morning") as local, session_with(local) as session:
        sound: Any = {"type": kind}
        await session.configure(audio={"input": {"format": sound, "transcription": {}}, "output": {"format": sound}})
        law = "ulaw" if kind == "audio/pcmu" else "alaw"
        coded = g711.encode(tone(1.0, 8000) + silence(2.0, 8000), law)
        await session.connection.input_audio_buffer.append(audio=base64.b64encode(coded).decode())
        await session.until("response.done")
        completed = next(event for event in session.events if event.type.endswith("transcription.completed"))
        assert completed.transcript == "w1 w2 w3 w4 w5."
        assert len(session.heard()) == 8000 * 11 // 10  # eleven letters, one byte a sample


# Failures


async def test_a_brain_that_fails_makes_a_failed_response() -> None:
    lines = (BrainError("no answer"),), "Yes"
    async with realtime_server(*lines) as local, session_with(local) as session:
        await session.connection.response.create()
        done = await session.until("response.done")
        assert done.response.status == "failed" and done.response.output == []
        assert done.response.status_details.error.code == "upstream_error"
        await session.connection.response.create()
        assert (await session.until("response.done")).response.status == "completed"


async def test_ears_that_fail_end_the_session_with_a_reason() -> None:
    async with realtime_server() as local, session_with(local) as session:
        local.engines.recognizer.error = OSError("the model is gone")  # pyright: ignore[reportAttributeAccessIssue] - fake
        await session.speak(speech(1.0), pause(2.0))
        with pytest.raises(AssertionError, match="internal_error"):
            await session.until("response.done")
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await session.connection.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1011


async def test_a_server_that_ends_says_so() -> None:
    async with realtime_server() as local:
        async with session_with(local) as session:
            (open_session,) = local.server.app.state.sessions
            await asyncio.gather(open_session.drain(), _closed(session, 1001))
        async with session_with(local) as session:
            await session.connection.response.create()
            await session.until("response.done")
            (open_session,) = local.server.app.state.sessions
            await asyncio.gather(open_session.drain(), _closed(session, 1001))


async def _closed(session: Any, code: int) -> None:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await session.connection.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == code


async def test_a_client_that_goes_leaves_nothing_behind() -> None:
    async with realtime_server(LONG) as local:
        before = asyncio.all_tasks()
        async with session_with(local) as session:
            await session.connection.response.create()
            await session.until("response.output_audio.delta")
            await session.speak(speech(0.3))
        async with asyncio.timeout(10):
            left = {task for task in asyncio.all_tasks() - before if not task.done()}
            await asyncio.gather(*left, return_exceptions=True)
        assert local.server.app.state.sessions == set()


async def test_a_session_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.server.omni.openai_words.LONGEST_SESSION", 0.3)
    async with realtime_server() as local, session_with(local) as session:
        await session.speak(pause(0.1))
        error = await session.connection.recv()
        assert error.type == "error" and error.error.code == "session_expired"
        await _closed(session, 1001)


async def test_a_fault_of_the_server_ends_the_session_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pyai_voice.server.omni.openai.messages_of", None)
    async with realtime_server() as local, session_with(local) as session:
        await session.connection.response.create()
        await session.connection.recv()  # the response was announced
        error = await session.connection.recv()
        assert error.type == "error" and error.error.type == "server_error"
        await _closed(session, 1011)
    assert "a Realtime session failed" in caplog.text


async def test_a_conversation_is_brought_along_with_whatever_is_in_it() -> None:
    async with realtime_server("Yes") as local, session_with(local) as session:
        items: list[Any] = [
            {"type": "message", "role": "user", "content": []},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "no JSON"},
            {"type": "function_call", "call_id": "call_2", "name": "f", "arguments": "[]"},
            {"type": "function_call_output", "call_id": "call_1", "output": "done"},
        ]
        for item in items:
            await session.connection.conversation.item.create(item=item)
        await session.connection.response.create()
        await session.until("response.done")
        (prompt,) = brain_of(local).prompts
        assert [(message.role, message.text) for message in prompt.messages] == [
            ("assistant", ""),
            ("tool", "done"),
            ("assistant", ""),
            ("tool", "There is no answer yet."),
        ]
