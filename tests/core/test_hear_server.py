"""The server machine of Hear, message by message, and both machines against each other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.events import ConfigAcknowledged, Grounding, Passage, Transcript, TurnEnded, Usage
from pyai_voice.options import CueOptions, HearOptions
from pyai_voice.protocol.hear.client import HearClient
from pyai_voice.protocol.hear.request import StreamRequest
from pyai_voice.protocol.hear.server import Audio, Commit, Configure, Flush, HearCall, HearServer

COMMIT = '{"type": "commit"}'
GROUNDING = '{"type":"config","grounding":true}'


def machine(request: StreamRequest | None = None, **options: Any) -> HearServer:
    server = HearServer(request or StreamRequest(), "sess_1", endpointing_ms=300, **options)
    server.open()
    server.data_to_send()
    return server


def sent(server: HearServer) -> list[dict[str, Any]]:
    return [json.loads(message) for message in server.data_to_send()]


def kinds(server: HearServer) -> list[str]:
    return [message["type"] for message in sent(server)]


# -- the greeting --------------------------------------------------------------------------------


@pytest.mark.conforms("H-16")
def test_config_ack_comes_before_any_transcript() -> None:
    server = HearServer(StreamRequest(), "sess_1", endpointing_ms=300)
    server.open()
    server.partial("hi", "", 100)
    first, second = sent(server)
    assert first == {"type": "config_ack", "endpointing_ms": 300, "warnings": [], "session_id": "sess_1"}
    assert second["type"] == "partial"


def test_config_ack_says_what_is_not_as_asked() -> None:
    request = StreamRequest(endpointing_ms=5000, warnings=("endpointing_ms_clamped: asked for 9000, 5000 is used",))
    server = HearServer(request, "sess_1", endpointing_ms=300)
    server.open(["dictation_unsupported"])
    (acknowledged,) = sent(server)
    assert acknowledged["endpointing_ms"] == 5000
    assert acknowledged["warnings"] == [*request.warnings, "dictation_unsupported"]


# -- what the client says ------------------------------------------------------------------------


def test_audio_passes_in_whole_samples_however_it_is_split() -> None:
    server = machine()
    calls = [call for chunk in (b"\x01", b"\x02\x03", b"\x04\x05\x06", b"") for call in server.receive(chunk)]
    assert calls == [Audio(b"\x01\x02"), Audio(b"\x03\x04\x05\x06")]


@pytest.mark.parametrize("message", [COMMIT, '{"type":"input_audio_buffer.commit"}'])
def test_both_names_of_a_commit_are_understood(message: str) -> None:
    assert machine().receive(message) == [Commit()]


@pytest.mark.conforms("H-18")
@pytest.mark.parametrize("message", ["EOF", "EOF\n"])
def test_eof_asks_for_a_flush(message: str) -> None:
    assert machine().receive(message) == [Flush()]


@pytest.mark.conforms("H-18")
def test_end_is_ignored() -> None:
    server = machine()
    assert server.receive('{"type":"end"}') == []
    assert sent(server) == []


@pytest.mark.conforms("H-18")
@pytest.mark.parametrize("kind", ["stop", "finalize", "eos", "flush", "transcript.finalize", "session.close", ""])
def test_an_unknown_type_is_answered_in_both_shapes(kind: str) -> None:
    server = machine()
    assert server.receive(json.dumps({"type": kind})) == []
    (error,) = sent(server)
    assert error["type"] == "error"
    assert error["code"] == error["error"]["code"] == "unknown_message_type"
    assert error["message"] == error["error"]["message"]


@pytest.mark.parametrize("garbage", ["", "hello", "[]", "1", "null", "{", '{"type":3}', "{}", "[" * 100_000])
def test_what_is_no_message_is_answered_with_an_error(garbage: str) -> None:
    server = machine()
    assert server.receive(garbage) == []
    (error,) = sent(server)
    assert (error["code"], error["error"]["code"]) == ("invalid_request", "invalid_request")


def test_half_a_surrogate_pair_can_be_sent_back() -> None:
    server = machine()
    server.receive('{"type": "\\ud800 \\ud83d\\ude00"}')
    (message,) = server.data_to_send()
    assert "? \U0001f600" in message.encode().decode()


def test_a_long_type_is_not_sent_back_whole() -> None:
    server = machine()
    server.receive(json.dumps({"type": "x" * 10_000}))
    assert len(server.data_to_send()[0]) < 300


@pytest.mark.conforms("H-20")
@pytest.mark.parametrize(("asked", "used", "warned"), [(800, 800, 0), (10, 50, 1), (60_000, 5000, 1), (200.4, 200, 0)])
def test_endpointing_can_be_changed_in_mid_stream(asked: float, used: int, warned: int) -> None:
    server = machine()
    assert server.receive(json.dumps({"type": "config", "endpointing_ms": asked})) == [Configure(used)]
    (acknowledged,) = sent(server)
    assert acknowledged["type"] == "config_ack"
    assert acknowledged["endpointing_ms"] == used
    assert len(acknowledged["warnings"]) == warned


@pytest.mark.parametrize("value", ['"800"', "null", "true", "1e400"])
def test_an_unreadable_endpointing_changes_nothing_and_is_warned_of(value: str) -> None:
    server = machine()
    assert server.receive(f'{{"type":"config","endpointing_ms":{value}}}') == []
    (acknowledged,) = sent(server)
    assert acknowledged["endpointing_ms"] == 300
    assert acknowledged["warnings"][0].startswith("endpointing_ms_ignored")


# -- utterances ----------------------------------------------------------------------------------


def test_an_utterance_is_partials_then_speech_final_then_final_under_one_name() -> None:
    server = machine()
    server.partial("hi what", "", 400)
    server.partial("hi what are", "hi what", 640)
    server.endpoint("hi what are your hours", 2310, 1850, "endpoint")
    server.partial("next", "", 2600)
    *messages, following = sent(server)
    assert [message["type"] for message in messages] == [
        "partial",
        "partial",
        "partial_stable",
        "speech_final",
        "final",
        "usage",
    ]
    assert messages[1] == {
        "type": "partial",
        "text": "hi what are",
        "stable_text": "hi what",
        "active_text": " are",
        "utterance_id": "u_1",
        "t_ms": 640,
    }
    assert messages[2] == {"type": "partial_stable", "text": "hi what", "utterance_id": "u_1", "t_ms": 640}
    final = {**messages[3], "type": "final"}
    assert messages[4] == final
    assert final == {
        "type": "final",
        "text": "hi what are your hours",
        "utterance_id": "u_1",
        "t_ms": 2310,
        "audio_ms": 1850,
        "endpoint_reason": "endpoint",
    }
    assert following["utterance_id"] == "u_2"


@pytest.mark.conforms("H-17")
def test_a_commit_without_words_is_answered_by_an_empty_pair() -> None:
    server = machine()
    server.receive(COMMIT)
    server.endpoint("", 500, 0, "client_commit")
    first, second, _ = sent(server)
    assert (first["type"], second["type"]) == ("speech_final", "final")
    assert first["utterance_id"] == second["utterance_id"]
    assert {first["endpoint_reason"], second["endpoint_reason"]} == {"client_commit"}
    assert first["text"] == second["text"] == ""


def test_a_stable_text_that_is_no_prefix_is_not_told() -> None:
    server = machine()
    server.partial("two coffees", "to", 400)
    (message,) = sent(server)
    assert (message["stable_text"], message["active_text"]) == ("", "two coffees")


def test_a_stable_prefix_is_told_again_only_when_it_grows_and_anew_for_each_utterance() -> None:
    server = machine()
    server.partial("a b", "a", 400)
    server.partial("a b c", "a", 500)
    server.endpoint("a b c", 600, 500, "endpoint")
    server.partial("a", "a", 700)
    assert kinds(server).count("partial_stable") == 2


def test_no_partials_when_interim_results_are_off_and_none_without_words() -> None:
    server = machine(StreamRequest(interim_results=False))
    server.partial("hi", "hi", 100)
    assert sent(server) == []
    server = machine()
    server.partial("", "", 100)
    assert sent(server) == []


def test_usage_adds_up() -> None:
    server = machine()
    server.endpoint("one", 1000, 600, "endpoint")
    server.endpoint("two", 3000, 900, "endpoint")
    usage = [message for message in sent(server) if message["type"] == "usage"]
    assert [message["audio_seconds"] for message in usage] == [0.6, 1.5]
    assert usage[-1] == {
        "type": "usage",
        "product": "hear",
        "meter": "hear.minutes",
        "audio_seconds": 1.5,
        "minutes": 0.025,
    }


# -- grounding -----------------------------------------------------------------------------------


@pytest.mark.conforms("Q-03")
def test_grounding_that_cannot_be_had_is_warned_of_and_empty() -> None:
    server = machine()
    assert server.receive(GROUNDING) == []
    assert server.grounding
    (acknowledged,) = sent(server)
    assert acknowledged["warnings"] == ["grounding_inactive"]
    server.endpoint("hi", 500, 300, "endpoint")
    speech_final, final, usage = sent(server)
    assert speech_final["grounding"] == final["grounding"] == []
    assert usage["meter"] == "cue.minutes"


def test_grounding_is_at_most_three_passages() -> None:
    server = machine(grounding_available=True)
    server.receive(GROUNDING)
    assert sent(server)[0]["warnings"] == []
    server.endpoint("hi", 500, 300, "endpoint", [Passage(f"p{n}", 0.5) for n in range(4)])
    assert [each["content"] for each in sent(server)[1]["grounding"]] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("value", ["false", '"yes"', "null"])
def test_without_grounding_finals_have_no_such_key(value: str) -> None:
    server = machine()
    server.receive(f'{{"type":"config","grounding":{value}}}')
    assert sent(server)[0]["warnings"] == []
    server.endpoint("hi", 500, 300, "endpoint")
    assert all("grounding" not in message for message in sent(server))


# -- the older wire ------------------------------------------------------------------------------


@pytest.mark.conforms("H-19")
def test_the_older_wire_has_its_own_names() -> None:
    server = HearServer(StreamRequest(legacy=True), "sess_1", endpointing_ms=300)
    server.open()
    server.partial("hi", "hi", 100)
    server.partial("hi what", "hi", 200)
    server.endpoint("hi what", 900, 400, "endpoint")
    created, first, second, turn_end, final, usage = sent(server)
    assert created == {"type": "session.created", "model": "hear-realtime-1", "session_id": "sess_1"}
    assert (first["type"], first["revision_id"], second["revision_id"]) == ("transcript.partial", 1, 2)
    assert turn_end["type"] == "turn.end"
    assert "text" not in turn_end
    assert (final["type"], final["text"], final["raw_text"]) == ("transcript.final", "hi what", "hi what")
    assert usage == {"type": "usage.delta", "active_audio_seconds": 0.4, "session_id": "sess_1"}
    assert {message["session_id"] for message in (first, second, turn_end, final)} == {"sess_1"}


# -- both machines -------------------------------------------------------------------------------


def converse(client: HearClient, server: HearServer, sent_seconds: float = 60.0) -> tuple[list[object], list[HearCall]]:
    """Carry messages both ways until nobody has anything to say."""
    events: list[object] = []
    calls: list[HearCall] = []
    while True:
        up, down = client.data_to_send(), server.data_to_send()
        if not up and not down:
            return events, calls
        calls += [call for message in up for call in server.receive(message)]
        events += [event for message in down for event in client.receive(message, sent_seconds)]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_client_understands_what_a_server_says(legacy: bool) -> None:
    client = HearClient(HearOptions())
    server = HearServer(StreamRequest(legacy=legacy), "sess_1", endpointing_ms=300)
    client.open(0.0)
    server.open()
    events, _ = converse(client, server)
    assert [type(event) for event in events] == [ConfigAcknowledged]
    client.commit()
    _, calls = converse(client, server)
    assert calls == [Commit()]
    server.partial("hello", "", 400)
    server.endpoint("Hello there.", 900, 500, "client_commit")
    events, _ = converse(client, server)
    finals = [event for event in events if isinstance(event, Transcript) and event.final]
    assert [(final.text, final.committed) for final in finals] == [("Hello there.", True)]
    assert len([event for event in events if isinstance(event, TurnEnded)]) == 1
    assert any(isinstance(event, Usage) for event in events)


def test_a_client_that_asks_for_grounding_gets_it() -> None:
    client = HearClient(HearOptions(cue=CueOptions(grounding=True)))
    server = HearServer(StreamRequest(), "sess_1", endpointing_ms=300, grounding_available=True)
    client.open(0.0)
    server.open()
    converse(client, server)
    server.endpoint("Hello.", 900, 500, "endpoint", [Passage("Open from nine.", 0.8)])
    events, _ = converse(client, server)
    assert [event.passages for event in events if isinstance(event, Grounding)] == [(Passage("Open from nine.", 0.8),)]


ANYTHING = st.one_of(
    st.binary(max_size=64),
    st.text(max_size=64),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ).map(json.dumps),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["commit", "config", "end", "input_audio_buffer.commit", "no"])},
        optional={"endpointing_ms": st.integers() | st.floats() | st.text(), "grounding": st.booleans() | st.none()},
    ).map(json.dumps),
    st.just("EOF"),
)


@given(messages=st.lists(ANYTHING, max_size=20), legacy=st.booleans())
def test_no_message_makes_it_raise_and_every_answer_is_an_object(messages: list[str | bytes], legacy: bool) -> None:
    server = HearServer(StreamRequest(legacy=legacy), "sess_1", endpointing_ms=300)
    server.open()
    audio = b"".join(call.pcm for message in messages for call in server.receive(message) if isinstance(call, Audio))
    binary = b"".join(message for message in messages if isinstance(message, bytes))
    assert audio == binary[: len(binary) - len(binary) % 2]
    assert all(isinstance(message["type"], str) for message in sent(server))


@pytest.mark.conforms("H-17")
@given(st.lists(st.sampled_from(["commit", "endpoint", "partial"]), max_size=30))
def test_every_pair_has_a_name_of_its_own(steps: list[str]) -> None:
    server = machine()
    for step in steps:
        if step == "partial":
            server.partial("words", "", 100)
        else:
            server.endpoint("words", 200, 100, "client_commit" if step == "commit" else "endpoint")
    messages = sent(server)
    finals = [message["utterance_id"] for message in messages if message["type"] == "final"]
    announced = [message["utterance_id"] for message in messages if message["type"] == "speech_final"]
    assert finals == announced
    assert len(set(finals)) == len(finals) == len(steps) - steps.count("partial")
