"""PyAI's own wire, message by message: what is sent, what is refused, what one client gets wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pyai_voice.omni_events import (
    AgentTurnBegan,
    AudioPosition,
    CallEnded,
    CallerTranscript,
    Configured,
    ReplyEnded,
)
from pyai_voice.omni_options import Tool
from pyai_voice.protocol.omni.server import Dialect
from pyai_voice.server.brain.scripted import ScriptedBrain, call
from pyai_voice.server.settings import Settings
from pyai_voice.testing import coded_speech
from tests.server.omni_calls import Omni, Wire, omni_server

LOOK: dict[str, Any] = {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}


@asynccontextmanager
async def wire(omni: Omni, query: str = "rate=16000", **options: Any) -> AsyncGenerator[Wire]:
    """Open a call and read its greeting."""
    async with omni.socket(query, **options) as socket:
        line = Wire(socket)
        assert [(await line.read())["event"] for _ in range(2)] == ["hello", "session_started"]
        yield line


async def speak(line: Wire, frames: int = 20, first: int = 0) -> None:
    """Say something and wait long enough for the end of the turn."""
    await line.play(coded_speech(frames, first))
    await line.play(bytes(640 * 25))


# Connecting


@pytest.mark.parametrize(
    ("query", "said_in", "said_out"),
    [
        ("", 24000, 24000),
        ("rate=24000", 24000, 24000),
        ("rate=16000&format=pcm16", 16000, 24000),
        ("rate=8000", 8000, 8000),
    ],
)
async def test_the_rates_are_announced(query: str, said_in: int, said_out: int) -> None:
    async with omni_server() as omni, omni.socket(query) as socket:
        hello = await Wire(socket).read()
        assert (hello["audio_in"], hello["audio_out"]) == (f"pcm16@{said_in}", f"pcm16@{said_out}")
        assert hello["protocol"] == 2 and hello["call_id"].startswith("call_")
        assert socket.subprotocol == "pyai.v1"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("rate=44100", "unsupported_parameter"),
        ("format=opus", "unsupported_format"),
        (f"session_label={'x' * 257}", "invalid_session_label"),
        ("session_label=a%0Ab", "invalid_session_label"),
        (f"agent_id={'x' * 257}", "invalid_agent_id"),
    ],
)
async def test_a_wrong_address_is_refused_before_the_upgrade(query: str, code: str) -> None:
    async with omni_server() as omni:
        with pytest.raises(InvalidStatus) as refused:
            await omni.socket(query)
        assert refused.value.response.status_code == 400
        assert json.loads(refused.value.response.body)["error"]["code"] == code


@pytest.mark.conforms("O-21")
@pytest.mark.parametrize(
    ("query", "label"),
    [("agent=old", "old"), ("agent_id=older", "older"), ("agent=old&agent_id=older&session_label=new", "new")],
)
async def test_the_old_address_and_the_old_names_of_the_label(query: str, label: str) -> None:
    async with omni_server() as omni:
        async with wire(omni, f"rate=16000&{query}", path="/v2/omni/chat"):
            pass
        (record,) = await omni.records()
        assert record["session_label"] == label


async def test_a_plain_request_is_told_what_is_there() -> None:
    async with omni_server() as omni:
        for path in ("/v1/omni", "/v2/omni/chat"):
            assert (await omni.http.get(path)).status_code == 426


async def test_a_wrong_key_a_key_without_the_scope_and_one_call_too_many() -> None:
    async with omni_server(settings=Settings(max_streams=1)) as omni:
        for key, status in (("pyai_test_wrong", 401), (await narrow_key(omni), 403)):
            with pytest.raises(InvalidStatus) as refused:
                await omni.socket(key=key)
            assert refused.value.response.status_code == status
        async with wire(omni):
            with pytest.raises(InvalidStatus) as refused:
                await omni.socket()
            assert refused.value.response.status_code == 429 and "Retry-After" in refused.value.response.headers
        await omni.records()
        async with wire(omni):
            pass


async def narrow_key(omni: Omni) -> str:
    return (await omni.server.app.state.stores.keys.mint(("hear:*",))).secret


async def test_a_session_token_is_good_for_one_call_of_a_page_that_it_names() -> None:
    async with omni_server() as omni:
        wanted = {"allowed_origins": ["https://shop.example"], "session_label": "order 7"}
        made = (await omni.http.post("/v1/omni/sessions", json=wanted)).json()
        with pytest.raises(InvalidStatus) as refused:
            await omni.socket(key=made["token"], origin="https://evil.example")
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["error"]["code"] == "origin_not_allowed"
        async with wire(omni, key=made["token"], origin="https://shop.example"):
            with pytest.raises(InvalidStatus) as refused:
                await omni.socket(key=made["token"], origin="https://shop.example")
            assert refused.value.response.status_code == 401
        (record,) = await omni.records()
        assert record["session_label"] == "order 7"


# Configuring


async def test_every_configure_is_confirmed_with_what_is_in_force() -> None:
    async with omni_server() as omni, wire(omni) as line:
        await line.say("configure", voice_id="alloy", greeting="", tools=[LOOK], language="fr", unknown=1)
        said = await line.until("configured")
        wanted = {"voice_id": "alloy", "greeting": False, "kb": False, "tools": 1, "audio_out": "pcm16@24000"}
        assert wanted.items() <= said.items()
        assert (said["language"], said["language_active"], said["language_fallback"]) == ("fr", "en", True)
        await line.say("configure", caller_key="c1")
        assert (await line.until("configured"))["voice_id"] == "alloy"


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"voice_id": "nobody"}, "unknown_voice", "nobody"),
    ({"persona": "x" * 32_001}, "invalid_request", "persona"),
    ({"greeting": 7}, "invalid_request", "greeting"),
    ({"tools": [{"name": "look", "parameters": {"type": "array"}}]}, "invalid_request", "tools.0"),
    ({"tools": [{"name": "no spaces here"}]}, "invalid_request", "tools.0"),
    ({"tools": "look"}, "invalid_request", "tools"),
    ({"kb_endpoint": "http://kb.example/"}, "invalid_request", "kb_endpoint"),
    ({"temperature": 9}, "invalid_request", "temperature"),
]


async def test_what_is_wrong_in_a_configure_is_one_error_and_the_call_goes_on() -> None:
    async with omni_server(["Fine."]) as omni, wire(omni) as line:
        for fields, code, words in WRONG:
            line.events.clear()
            await line.say("configure", **fields)
            await line.until("configured")
            (error,) = [each for each in line.events if each["event"] == "error"]
            assert error["code"] == code and words in error["message"]
        await speak(line)
        assert (await line.until("transcript"))["text"] == "Fine."


async def test_what_is_no_message_is_dropped_counted_and_told_once() -> None:
    async with omni_server(["Fine."]) as omni, wire(omni) as line:
        for message in ("text", '{"type":"configure"}', b"\x09what", b"\x01\x00\x00\x00", b"\x03not json", b"\x01"):
            await line.socket.send(message)
            await line.socket.send(message)
        await line.say("configure")
        await line.until("configured")
        complaints = [each["message"] for each in line.events if each["event"] == "error"]
        assert len(complaints) == 4 == len(set(complaints))
        await speak(line)
        assert (await line.until("transcript"))["text"] == "Fine."


async def test_a_configure_keyed_on_event_changes_nothing_and_is_told() -> None:
    async with omni_server() as omni, wire(omni) as line:
        await line.socket.send(b'\x03{"event":"configure","persona":"x","tools":[{"name":"look"}]}')
        assert (await line.until("configured"))["tools"] == 0
        assert (await line.until("warning"))["code"] == "client_used_event_key"


async def test_half_a_sample_on_the_wire_is_dropped() -> None:
    async with omni_server() as omni, wire(omni) as line:
        await line.socket.send(b"\x01abc")
        assert "half a sample" in (await line.until("error"))["message"]


# Talking


async def test_the_callers_words_come_as_additions_and_the_agents_as_events() -> None:
    async with omni_server(["Fine. Thank you."]) as omni, wire(omni) as line:
        await speak(line)
        began = await line.until("turn_begin")
        assert line.words == "0-19."
        assert began["turn"] == 1 and 100 <= began["since_caller_end_ms"] <= 5000
        first, second = await line.until("transcript"), await line.until("transcript")
        assert (first["role"], first["text"], second["text"]) == ("assistant", "Fine.", "Thank you.")


async def test_older_generations_of_the_service_are_understood_by_our_client() -> None:
    old = Dialect(
        "config_ack", words_as_json=True, position_key="type", takes_event_key=True, announces_turns_twice=True
    )
    async with omni_server(["Fine. Thank you very much."], settings=Settings(omni_dialect=old)) as omni:
        async with omni.call(tools=(Tool(name="look"),)) as caller:
            assert (await caller.until(Configured)).tools == 1
            words = caller.speak(0.8)
            said = await caller.until(CallerTranscript, lambda each: each.final)
            reply = await caller.until(ReplyEnded)
            assert (said.text, reply.text) == (words, "Fine. Thank you very much.")
            assert caller.all(AudioPosition) and len(caller.all(AgentTurnBegan)) == 1


async def test_a_late_tool_is_answered_by_the_server_and_a_large_result_is_cut() -> None:
    brain = ScriptedBrain([[call("look")], "Too late.", [call("look")], "Too large."])
    async with omni_server(brain=brain) as omni, wire(omni) as line:
        await line.say("configure", tools=[{**LOOK, "timeout_ms": 100}])
        await speak(line)
        late = await line.until("tool_call")
        assert (await line.until("transcript"))["text"] == "Too late."
        await line.say("tool_result", call_id=late["call_id"], result="late")
        await line.say("configure", tools=[LOOK])
        await speak(line, first=20)
        called = await line.until("tool_call")
        await line.say("tool_result", call_id=called["call_id"], result="x" * 7000)
        assert (await line.until("error"))["code"] == "payload_too_large"
        assert (await line.until("transcript"))["text"] == "Too large."
        texts = [each.messages[-1].text for each in brain.prompts if each.messages[-1].role == "tool"]
        assert texts[0] == "the tool did not answer in time" and len(texts[1]) < 6200


async def test_a_result_that_could_not_be_written_again_does_no_harm_to_the_record() -> None:
    brain = ScriptedBrain([[call("look")], "Cut.", [call("look")], "Deep."])
    async with omni_server(brain=brain) as omni:
        async with wire(omni) as line:
            await line.say("configure", tools=[{**LOOK, "timeout_ms": 300}])
            for first, result, answer in ((0, b'"fine \\ud83d"', "Cut."), (20, b"[" * 200 + b"]" * 200, "Deep.")):
                await speak(line, first=first)
                called = (await line.until("tool_call"))["call_id"].encode()
                await line.socket.send(b'\x03{"type":"tool_result","call_id":"%s","result":%s}' % (called, result))
                assert (await line.until("transcript"))["text"] == answer
        (record,) = await omni.records()
        assert record["status"] == "completed"
        entries = (await omni.http.get(f"/v1/omni/calls/{record['call_id']}")).json()["entries"]
        assert [each["result"] or each["error"] for each in entries if each["kind"] == "tool"] == [
            "fine ?",
            "the tool did not answer in time",
        ]


async def test_a_record_that_cannot_take_something_is_closed_without_it(caplog: pytest.LogCaptureFixture) -> None:
    async with omni_server([[call("look", half="\ud83d")], "Fine."]) as omni:
        async with wire(omni) as line:
            await line.say("configure", tools=[LOOK])
            await speak(line)
            await line.say("tool_result", call_id=(await line.until("tool_call"))["call_id"], result=1)
            assert (await line.until("transcript"))["text"] == "Fine."
        (record,) = await omni.records()
        assert record["status"] == "completed" and "is not whole" in caplog.text
        entries = (await omni.http.get(f"/v1/omni/calls/{record['call_id']}")).json()["entries"]
        assert [each["text"] for each in entries] == ["0-19.", "Fine."]


async def test_arguments_that_look_like_keys_of_the_message_do_not_become_them() -> None:
    lines = [["Over to you.", call("transfer_to_human", event="x", type="y", name="z", destination="desk")]]
    async with omni_server(lines) as omni, wire(omni) as line:
        await line.say("configure", tools=[{"name": "transfer_to_human"}])
        await speak(line)
        assert await line.until("transfer_to_human") == {"event": "transfer_to_human", "destination": "desk"}


async def test_keys_reach_the_agent_in_either_spelling() -> None:
    brain = ScriptedBrain(["Thanks."])
    async with omni_server(brain=brain) as omni, wire(omni) as line:
        await line.say("dtmf", digit="4")
        await line.say("dtmf", digits="2#")
        assert (await line.until("transcript"))["text"] == "Thanks."
        assert "4 2 #" in brain.prompts[0].messages[-1].text


async def test_a_client_that_says_goodbye_gets_the_end_and_a_normal_close() -> None:
    async with omni_server() as omni, wire(omni) as line:
        await line.say("session_ending")
        assert await line.until("session_end") == {"event": "session_end"}
        with pytest.raises(ConnectionClosed) as closed:
            await line.read()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1000


# Profiles


async def test_a_profile_is_the_agent_without_any_configure() -> None:
    async with omni_server() as omni:
        profile = {"name": "Mia", "persona": "You are Mia.", "greeting": "Hello from Mia.", "voice_id": "nova"}
        made = (await omni.http.post("/v1/agents", json=profile)).json()
        async with omni.call(session_label=made["agent_id"], configure=False) as caller:
            assert (await caller.until(ReplyEnded)).text == "Hello from Mia."
        (record,) = await omni.records()
        assert record["agent_id"] == made["agent_id"]


async def test_a_profile_that_is_configured_at_once_greets_once_with_the_new_words() -> None:
    async with omni_server() as omni:
        made = (await omni.http.post("/v1/agents", json={"name": "Mia", "greeting": "Hello from Mia."})).json()
        async with wire(omni, f"rate=16000&session_label={made['agent_id']}") as line:
            await line.say("configure", greeting="Hello from me.")
            assert (await line.until("transcript"))["text"] == "Hello from me."
            await speak(line)
            assert [each["text"] for each in line.events if each["event"] == "transcript"] == ["Hello from me."]


# The end of the server


async def test_a_server_that_ends_lets_the_agent_finish_and_closes_so_that_clients_call_again() -> None:
    long = "This is a sentence that takes more than two seconds to be said to anybody."
    async with omni_server() as omni:
        async with wire(omni) as line:
            await line.say("configure", greeting=long)
            await line.until("transcript")
            (session,) = omni.server.app.state.sessions
            draining = asyncio.create_task(session.drain())
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await line.read()
            await draining
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        (record,) = await omni.records()
        assert record["end_reason"] == "server_restart"


async def test_twenty_calls_at_once_are_all_answered() -> None:
    async def one(omni: Omni, number: int) -> str:
        async with omni.call(greeting=f"Hello {number}.", tools=(Tool(name="look"),)) as caller:
            await caller.until(Configured)
            await caller.until(ReplyEnded)
            words = caller.speak(0.4)
            reply = await caller.until(ReplyEnded, lambda each: "Answer" in each.text)
            assert not any(isinstance(each, CallEnded) for each in caller.events)
            return reply.text + words

    async with omni_server([f"Answer {number}." for number in range(20)]) as omni:
        texts = await asyncio.gather(*(one(omni, number) for number in range(20)))
        assert len(set(texts)) == 20
        assert len(await omni.records()) == 20
