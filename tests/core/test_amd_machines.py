"""Both machines of AMD, message by message, and what decisions and options mean."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.amd_events import AmdDecision
from pyai_voice.amd_options import AmdOptions
from pyai_voice.errors import ConfigurationError, RequestError
from pyai_voice.events import Problem
from pyai_voice.protocol.amd.client import AmdClient
from pyai_voice.protocol.amd.request import AmdRequest, read_parameters, read_query
from pyai_voice.protocol.amd.server import AmdServer, Media, Started, Stopped
from pyai_voice.protocol.amd.wire import connect_path, read_decision

NAME = "0" * 32
DOCUMENTED = (
    '{"event":"amd","call_id":"C_123","answered_by":"voicemail","answered_by_twilio":"machine_start",'
    '"confidence":0.96,"decision_ms":720,"reason":"machine phrase: \'please leave a message\' at 1.2s"}'
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(["amd", "start", "media", "stop", "connected", "mark", "dtmf", "error", ""])


def started(**start: Any) -> str:
    return json.dumps({"event": "start", "start": start})


def media(coded: bytes, **more: Any) -> str:
    return json.dumps({"event": "media", "media": {"payload": base64.b64encode(coded).decode(), **more}})


# -- client -----------------------------------------------------------------------------------------


def test_the_documented_decision_is_read() -> None:
    (decision,) = AmdClient(AmdOptions(), NAME).receive(DOCUMENTED)
    assert isinstance(decision, AmdDecision)
    assert decision == AmdDecision(
        "voicemail", "machine_start", 0.96, 0.72, "machine phrase: 'please leave a message' at 1.2s", "C_123"
    )
    assert decision.is_machine()


def test_the_first_decision_counts() -> None:
    client = AmdClient(AmdOptions(), NAME)
    assert len(client.receive(DOCUMENTED)) == 1
    assert client.receive(DOCUMENTED.replace("voicemail", "human")) == []
    assert client.decision is not None and client.decision.is_machine()


@pytest.mark.parametrize(
    "message", [b"\0", "", "{", "[]", '{"event":"mark"}', '{"event":"amd"}', '{"event":"stop"}', '{"type":"amd"}']
)
def test_what_says_nothing_is_no_event(message: str | bytes) -> None:
    assert AmdClient(AmdOptions(), NAME).receive(message) == []


def test_an_error_is_a_problem_in_either_shape() -> None:
    for message in ('{"event":"error","code":"forbidden","message":"no"}', '{"error":{"code":"forbidden"}}'):
        (problem,) = AmdClient(AmdOptions(), NAME).receive(message)
        assert isinstance(problem, Problem)
        assert problem.error.code == "forbidden"


@given(st.lists(st.binary(max_size=700), max_size=8))
def test_sound_in_any_pieces_arrives_whole_in_messages_of_20_ms(pieces: list[bytes]) -> None:
    client, server, coded = AmdClient(AmdOptions(), NAME), AmdServer("C_1"), b""
    client.open()
    for piece in pieces:
        client.hear(piece)
    client.stop()
    messages = client.data_to_send()
    calls = [call for message in messages for call in server.receive(message)]
    sizes = [len(call.coded) for call in calls if isinstance(call, Media)]
    coded = b"".join(call.coded for call in calls if isinstance(call, Media))
    assert coded == b"".join(pieces)
    assert all(size == 160 for size in sizes[:-1])
    assert isinstance(calls[0], Started)
    assert isinstance(calls[-1], Stopped)
    numbers = [json.loads(message)["sequenceNumber"] for message in messages[1:]]
    assert numbers == [str(number) for number in range(1, len(messages))]
    assert client.data_to_send() == []


def test_a_second_connection_begins_anew() -> None:
    client = AmdClient(AmdOptions(), NAME)
    client.open()
    client.hear(bytes(200))
    client.data_to_send()
    client.open()
    client.hear(bytes(160))
    connected, start, first = map(json.loads, client.data_to_send())
    assert (connected["event"], start["sequenceNumber"], first["media"]["timestamp"]) == ("connected", "1", "0")


@given(WORDS, st.dictionaries(WORDS | st.sampled_from(["answered_by", "decision_ms", "custom_parameters"]), JSON))
def test_nothing_makes_a_machine_raise(event: str, fields: dict[str, Any]) -> None:
    message = json.dumps({**fields, "event": event})
    AmdClient(AmdOptions(), NAME).receive(message)
    server = AmdServer("C_1")
    server.receive(message)
    server.receive(started())
    server.receive(message)


# -- decisions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answered_by", "twilio", "machine", "human"),
    [
        ("human", "human", False, True),
        ("human_gatekeeper", "", False, True),
        ("human", "machine_start", False, True),
        ("machine", "", True, False),
        ("voicemail", "machine_end_beep", True, False),
        ("live_voicemail", "", True, False),
        ("screening", "unknown", True, False),
        ("ivr", "", True, False),
        ("fax", "fax", True, False),
        ("sit_invalid", "unknown", False, False),
        ("silence", "unknown", False, False),
        ("unknown", "unknown", False, False),
        ("unknown", "machine_end_silence", True, False),
        ("unknown", "fax", True, False),
        ("unknown", "human", False, True),
        ("", "machine_start", True, False),
        ("something_new", "machine_start", False, False),
        ("something_new", "machine_thing", False, False),
        ("unknown", "something_new", False, False),
    ],
)
def test_who_is_a_machine_in_both_vocabularies(answered_by: str, twilio: str, machine: bool, human: bool) -> None:
    decision = AmdDecision(answered_by, twilio)
    assert (decision.is_machine(), decision.is_human()) == (machine, human)


def test_a_subtype_counts_where_both_are_said() -> None:
    assert AmdDecision("unknown", subtype="music").is_machine()
    assert not AmdDecision("human", subtype="voicemail").is_machine()


def test_a_webhook_body_is_read_as_well() -> None:
    decision = read_decision(
        {"event": "amd.call.completed", "answered_by": "unknown", "decision_ms": 5000, "rule_id": "decision_timeout"}
        | {"custom_parameters": {"lead": "42", "try": 2, "vip": True, "odd": [1]}, "confidence": "high"}
    )
    assert decision.rule_id == "decision_timeout"
    assert decision.at == 5.0
    assert decision.confidence is None
    assert decision.parameters == {"lead": "42", "try": "2", "vip": "true"}


@given(st.dictionaries(st.text(max_size=12), JSON))
def test_a_new_word_is_never_taken_for_a_machine(fields: dict[str, Any]) -> None:
    assert not read_decision({**fields, "answered_by": "neu", "subtype": ""}).is_machine()


# -- options ----------------------------------------------------------------------------------------


def test_the_address_has_what_was_asked_for() -> None:
    assert connect_path(AmdOptions()) == "/amd/stream"
    assert connect_path(AmdOptions(aggressiveness=0)) == "/amd/stream?aggressiveness=0.0"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"aggressiveness": 1.1}, "aggressiveness"),
        ({"decision_timeout": 0.5}, "decision_timeout"),
        ({"deadline": 0}, "deadline"),
        ({"encoding": "ulaw", "sample_rate": 16000}, "sample_rate"),
        ({"webhook": "ftp://example.com"}, "webhook"),
        ({"webhook": "https://me:secret@example.com"}, "webhook"),
        ({"parameters": {"api_key": "x"}}, "api_key"),
        ({"parameters": {"": "x"}}, "parameters"),
        ({"parameters": {"x": "y" * 500}}, "parameters"),
        ({"session_label": "a\nb"}, "session_label"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        AmdOptions(**options)


# -- server -----------------------------------------------------------------------------------------


def test_nothing_is_heard_before_the_start_or_after_the_stop() -> None:
    server = AmdServer("C_1")
    assert server.receive(media(b"early")) == []
    (start,) = server.receive(started(customParameters={"api_key": "k", "n": 5}))
    assert start == Started({"api_key": "k", "n": "5"})
    assert "k" not in repr(start).replace("Started", "")
    assert server.receive(started()) == []
    assert server.receive(media(b"sound", track="inbound")) == [Media(b"sound")]
    assert server.receive(media(b"ourselves", track="outbound")) == []
    assert server.receive('{"event":"media","media":{"payload":"?"}}') == []
    assert server.receive('{"event":"stop"}') == [Stopped()]
    assert server.receive(media(b"late")) == []


def test_another_kind_of_sound_is_not_supported() -> None:
    (start,) = AmdServer("C_1").receive(started(mediaFormat={"encoding": "audio/x-l16", "sampleRate": 16000}))
    assert isinstance(start, Started)
    assert not start.supported


def test_a_decision_is_told_once() -> None:
    server = AmdServer("C_1")
    server.decide(AmdDecision("unknown", "unknown", 0.0, 3.0, "nothing", rule_id="decision_timeout"))
    server.decide(AmdDecision("human"))
    (message,) = server.data_to_send()
    assert json.loads(message) == {
        "event": "amd",
        "call_id": "C_1",
        "answered_by": "unknown",
        "answered_by_twilio": "unknown",
        "confidence": 0.0,
        "decision_ms": 3000,
        "reason": "nothing",
        "rule_id": "decision_timeout",
    }


def test_parameters_go_before_the_query() -> None:
    before = read_query({"aggressiveness": "0.2", "session_label": "a", "api_key": "k", "other": "x"})
    assert before == AmdRequest(0.2, "a")
    after = read_parameters(before, {"aggressiveness": "0.9", "decision_timeout_ms": "2500", "lead": "42"})
    assert after == AmdRequest(0.9, "a", decision_timeout=2.5, parameters={"lead": "42"})


@pytest.mark.parametrize(
    "parameters",
    [
        {"aggressiveness": "2"},
        {"aggressiveness": "nan"},
        {"aggressiveness": "high"},
        {"decision_timeout_ms": "999"},
        {"decision_timeout_ms": "15001"},
        {"session_label": "x" * 257},
        {"x": "y" * 500},
        {str(number): "" for number in range(33)},
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(RequestError):
        read_parameters(AmdRequest(), parameters)
