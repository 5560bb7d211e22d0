"""The client machine of Hear: the address, commits, and the messages under each of their names."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from pyai_voice.errors import AuthenticationError, RateLimitError, ServiceError
from pyai_voice.events import ConfigAcknowledged, Problem, SpeechStarted, Transcript, TurnEnded, Usage, Verdict
from pyai_voice.options import CueOptions, HearOptions
from pyai_voice.protocol.hear.wire import connect_query, subprotocols
from tests.core.hear_client_support import SENT, ends, final, finals, machine, speech_final, told


@pytest.mark.conforms("A-01")
def test_the_marker_is_offered_before_the_credential() -> None:
    assert subprotocols("pyai_test_abc") == ("pyai.v1", "pyai-key.pyai_test_abc")


@pytest.mark.conforms("H-01")
def test_the_address_names_what_is_set_and_nothing_else() -> None:
    query = dict(parse_qsl(connect_query(HearOptions(sample_rate=8000, interim_results=False, numerals=True))))
    assert query == {
        "protocol": "pyai-hear-v1",
        "model": "pyai-hear",
        "sample_rate": "8000",
        "encoding": "pcm16",
        "interim_results": "false",
        "numerals": "true",
    }
    assert dict(parse_qsl(connect_query(HearOptions(language="de"))))["language"] == "de"
    assert "language" not in connect_query(HearOptions(language="auto"))


@pytest.mark.conforms("H-02")
def test_vocabulary_is_a_compact_json_array_and_context_is_never_sent() -> None:
    options = HearOptions(vocabulary=("Nguyen", "SKU-99"), query={"context": "no", "call_id": "c1", "model": "no"})
    query = connect_query(options)
    assert "vocabulary=%5B%22Nguyen%22%2C%22SKU-99%22%5D" in query
    assert dict(parse_qsl(query))["call_id"] == "c1"
    assert "context" not in query
    assert dict(parse_qsl(query))["model"] == "pyai-hear"


@pytest.mark.conforms("H-05")
@pytest.mark.parametrize("reason", ["endpoint", "max_utterance", "peak_te_early", "eof", "silence", "new_one"])
def test_a_final_of_the_servers_own_endpointing_answers_no_commit(reason: str) -> None:
    client = machine()
    client.commit()
    events = told(client, final("hello", reason=reason))
    assert finals(events) == ["hello"]
    assert not ends(events)[0].committed
    assert client.commits == 1


@pytest.mark.conforms("H-06")
@pytest.mark.parametrize("reason", [None, "commit", "client_commit"])
def test_an_empty_answer_to_a_commit_ends_the_turn_without_a_transcript(reason: str | None) -> None:
    client = machine()
    client.commit()
    events = told(client, final("", reason=reason))
    assert [type(event) for event in events] == [TurnEnded]
    assert ends(events)[0].committed
    assert ends(events)[0].text == ""
    assert client.commits == 0


@pytest.mark.conforms("H-07")
def test_two_commits_need_two_answers() -> None:
    client = machine()
    client.commit()
    client.commit()
    assert client.data_to_send() == ['{"type":"commit"}'] * 2
    told(client, final("one", "u_1"))
    assert client.commits == 1
    told(client, final("two", "u_2"))
    assert client.commits == 0


@pytest.mark.conforms("H-09")
def test_a_refused_commit_is_sent_once_more_under_its_older_name() -> None:
    client = machine()
    client.commit()
    client.data_to_send()
    refusal = {"type": "error", "error": {"code": "unknown_message_type", "message": "unknown type 'commit'"}}
    assert told(client, refusal) == []
    assert client.data_to_send() == ['{"type":"input_audio_buffer.commit"}']
    [problem] = told(client, refusal)
    assert isinstance(problem, Problem)
    assert client.data_to_send() == []


@pytest.mark.conforms("H-10")
@pytest.mark.parametrize(
    "message", [b"\x00\x01", "", "{", "[1]", "7", '"final"', '{"type":7}', '{"type":"someday"}', "[" * 5000]
)
def test_what_is_not_a_known_message_is_ignored(message: str | bytes) -> None:
    assert machine().receive(message, SENT) == []


@pytest.mark.conforms("H-11")
def test_errors_are_read_flat_and_nested() -> None:
    flat = {"type": "error", "code": "unauthorized", "message": "no"}
    nested = {"type": "error", "error": {"code": "concurrency_limit_exceeded", "message": "busy"}}
    [first, second, third] = told(machine(), flat, nested, {"type": "error"})
    assert isinstance(first, Problem)
    assert isinstance(first.error, AuthenticationError)
    assert isinstance(second, Problem)
    assert isinstance(second.error, RateLimitError)
    assert isinstance(third, Problem)
    assert type(third.error) is ServiceError


@pytest.mark.conforms("H-15")
def test_the_acknowledgement_shows_endpointing_and_warnings() -> None:
    acknowledgement = {"type": "config_ack", "endpointing_ms": 800, "warnings": ["clamped"], "session_id": "s"}
    assert told(machine(), acknowledgement) == [ConfigAcknowledged(800, ("clamped",), "s")]
    assert told(machine(), {"type": "config_ack", "warnings": "?"}) == [ConfigAcknowledged()]


def test_legacy_names_mean_the_same() -> None:
    client = machine()
    events = told(
        client,
        {"type": "session.created", "session_id": "s"},
        {
            "type": "transcript.partial",
            "stable_text": "what are",
            "active_text": " your",
            "utterance_id": "x",
            "t_ms": 900,
        },
        {"type": "turn.end", "confidence": 0.9, "endpoint_reason": "silence", "utterance_id": "y", "t_ms": 1800},
        {"type": "transcript.final", "text": "What are your hours?", "endpoint_reason": "silence", "utterance_id": "x"},
        {"type": "usage.delta", "active_audio_seconds": 2.5},
    )
    assert [type(event) for event in events] == [
        ConfigAcknowledged,
        SpeechStarted,
        Transcript,
        Transcript,
        Transcript,
        TurnEnded,
        Usage,
    ]
    assert [event.text for event in events if isinstance(event, Transcript)] == [
        "what are your",
        "what are your",
        "What are your hours?",
    ]
    assert events[3].endpointed and not events[3].final  # type: ignore[union-attr]


@pytest.mark.conforms("Q-05")
def test_only_the_older_wire_has_a_verdict() -> None:
    turn_end = {"type": "turn.end", "confidence": 1.5, "backchannel_prob": "?", "endpoint_reason": "silence"}
    said = {"type": "transcript.partial", "text": "mhm"}
    events = told(machine(), said, turn_end, {"type": "transcript.final", "text": "mhm"}, said)
    assert [event.verdict for event in events if isinstance(event, Transcript)] == [
        None,
        Verdict(1.0),
        Verdict(1.0),
        None,
    ]
    assert ends(events)[0].verdict == Verdict(1.0)
    assert ends(told(machine(), speech_final("hi"), final("hi")))[0].verdict is None


def test_usage_is_reported_where_it_is_a_number() -> None:
    assert told(machine(), {"type": "usage", "audio_seconds": 3}, {"type": "usage"}) == [Usage(3.0)]


def test_options_that_can_change_on_an_open_connection_are_sent() -> None:
    client = machine()
    client.configure(HearOptions(endpointing_ms=300))
    client.configure(HearOptions(endpointing_ms=300, cue=CueOptions(grounding=True)))
    client.configure(HearOptions(endpointing_ms=300, cue=CueOptions(grounding=True), language="de"))
    assert client.data_to_send() == ['{"type":"config","endpointing_ms":300}', '{"type":"config","grounding":true}']
