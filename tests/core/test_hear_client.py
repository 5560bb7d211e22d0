"""The client machine of Hear, message by message."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.errors import AuthenticationError, RateLimitError, ServiceError
from pyai_voice.events import (
    ConfigAcknowledged,
    Grounding,
    HearEvent,
    Passage,
    Problem,
    SpeechStarted,
    Transcript,
    TurnEnded,
    Usage,
    Verdict,
)
from pyai_voice.options import CueOptions, HearOptions
from pyai_voice.protocol.hear.client import HearClient
from pyai_voice.protocol.hear.wire import connect_query, subprotocols

SENT = 60.0
"""Seconds of audio sent before any message of these tests."""


def machine(**options: Any) -> HearClient:
    client = HearClient(HearOptions(**options))
    client.open(0.0)
    client.data_to_send()
    return client


def told(client: HearClient, *messages: dict[str, Any], sent: float = SENT) -> list[HearEvent]:
    return [event for message in messages for event in client.receive(json.dumps(message), sent)]


def partial(text: str, utterance: str = "u_1", **more: Any) -> dict[str, Any]:
    return {"type": "partial", "text": text, "utterance_id": utterance, **more}


def final(text: str, utterance: str = "u_1", reason: str | None = "client_commit", **more: Any) -> dict[str, Any]:
    fields = {"type": "final", "text": text, "utterance_id": utterance, **more}
    return fields if reason is None else {**fields, "endpoint_reason": reason}


def speech_final(text: str, utterance: str = "u_1", reason: str = "client_commit", **more: Any) -> dict[str, Any]:
    return {**final(text, utterance, reason, **more), "type": "speech_final"}


def finals(events: list[HearEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Transcript) and event.final]


def ends(events: list[HearEvent]) -> list[TurnEnded]:
    return [event for event in events if isinstance(event, TurnEnded)]


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


@pytest.mark.conforms("H-12")
def test_speech_final_and_final_give_one_definitive_transcript() -> None:
    client = machine()
    events = told(client, speech_final("hi there"), final("hi there"), final("hi there"))
    assert finals(events) == ["hi there"]
    assert len(ends(events)) == 1
    assert client.receive(json.dumps(partial("hi there")), SENT) == []  # late


@pytest.mark.conforms("H-13")
def test_a_partial_replaces_the_one_before() -> None:
    client = machine()
    events = told(
        client,
        partial("hi", t_ms=500),
        partial("hi what", stable_text="hi", active_text=" what", t_ms=700),
        partial("window only", stable_text="hi what are", active_text=" your", t_ms=900),
    )
    words = [event for event in events if isinstance(event, Transcript)]
    assert [(word.text, word.stable) for word in words] == [
        ("hi", ""),
        ("hi what", "hi"),
        ("hi what are your", "hi what are"),
    ]
    assert len({word.utterance for word in words}) == 1
    assert [type(event) for event in events].count(SpeechStarted) == 1


@pytest.mark.conforms("H-15")
def test_the_acknowledgement_shows_endpointing_and_warnings() -> None:
    acknowledgement = {"type": "config_ack", "endpointing_ms": 800, "warnings": ["clamped"], "session_id": "s"}
    assert told(machine(), acknowledgement) == [ConfigAcknowledged(800, ("clamped",), "s")]
    assert told(machine(), {"type": "config_ack", "warnings": "?"}) == [ConfigAcknowledged()]


@pytest.mark.conforms("Q-01")
def test_grounding_is_asked_for_first_of_all() -> None:
    client = HearClient(HearOptions(cue=CueOptions(grounding=True)))
    client.open(0.0)
    client.commit()
    assert client.data_to_send()[0] == '{"type":"config","grounding":true}'


@pytest.mark.conforms("Q-02")
def test_grounding_may_be_missing_empty_or_three_passages() -> None:
    passages = [{"content": f"fact {n}", "score": 0.9 - n / 10} for n in range(5)]
    events = told(machine(), speech_final("q", grounding=passages), final("q", grounding=passages))
    assert [type(event) for event in events] == [SpeechStarted, Grounding, Transcript, Transcript, TurnEnded]
    assert events[1] == Grounding((Passage("fact 0", 0.9), Passage("fact 1", 0.8), Passage("fact 2", 0.7)), "u1")
    assert Grounding((), "u1") in told(machine(), final("q", grounding=[]))
    assert not [event for event in told(machine(), final("q")) if isinstance(event, Grounding)]
    odd = told(machine(), final("q", grounding=[7, {"score": "x"}]))
    assert Grounding((Passage("", 0.0), Passage("", 0.0)), "u1") in odd


def test_other_passages_with_the_final_replace_those_of_speech_final() -> None:
    first, second = [{"content": "a", "score": 1}], [{"content": "b", "score": 1}]
    events = told(machine(), speech_final("q", grounding=first), final("q", grounding=second))
    assert [event.passages[0].content for event in events if isinstance(event, Grounding)] == ["a", "b"]


def test_speech_final_is_promoted_when_its_final_does_not_come() -> None:
    client = machine()
    client.commit()
    told(client, speech_final("only this", t_ms=2000))
    assert client.endpointed
    events = client.settle()
    assert finals(events) == ["only this"]
    assert ends(events) == [TurnEnded("u1", "client_commit", 2.0, True, "only this")]
    assert client.settle() == []
    assert told(client, final("only this")) == []  # late


def test_the_next_utterance_promotes_what_was_pending() -> None:
    client = machine()
    events = told(client, speech_final("one", "u_1", "endpoint"), partial("two", "u_2"))
    assert finals(events) == ["one"]
    assert [event.utterance for event in events if isinstance(event, SpeechStarted)] == ["u1", "u2"]


def test_an_empty_final_after_speech_final_keeps_the_words() -> None:
    assert finals(told(machine(), speech_final("hello"), final(""))) == ["hello"]


def test_an_empty_speech_final_says_nothing_yet() -> None:
    assert told(machine(), speech_final("")) == []


def test_an_utterance_goes_through_a_reconnect_once() -> None:
    client = machine()
    events = told(client, partial("hello wor", t_ms=900), sent=1.0)
    client.open(0.0)
    events += told(client, partial("hello", "u_9", t_ms=500), final("hello world", "u_9", "endpoint", t_ms=1500))
    assert [type(event) for event in events].count(SpeechStarted) == 1
    assert finals(events) == ["hello world"]
    assert len({event.utterance for event in events if isinstance(event, Transcript | SpeechStarted | TurnEnded)}) == 1


def test_times_are_on_the_streams_clock() -> None:
    client = HearClient(HearOptions())
    client.open(10.0)
    told(client, {"type": "config_ack", "endpointing_ms": 500})
    events = told(client, partial("hi", t_ms=800), final("hi", reason="endpoint", t_ms=2000, audio_ms=700))
    [start] = [event for event in events if isinstance(event, SpeechStarted)]
    [over] = [event for event in events if isinstance(event, Transcript) and event.final]
    assert start.at == pytest.approx(10.5)
    assert (over.start, over.end) == (pytest.approx(10.8), pytest.approx(11.5))  # without the silence waited
    assert ends(events)[0].at == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("speech", "t_ms", "end"),
    [
        (700, 2300, 11.2),  # it waited longer than it had to: speech began at 10.5
        (700, 1600, 11.1),  # it waited just as long as it had to
        (None, 2300, 10.8),  # the words last grew there
    ],
)
def test_after_a_long_silence_speech_ends_before_the_silence_that_was_waited_for_at_least(
    speech: int | None, t_ms: int, end: float
) -> None:
    client = HearClient(HearOptions())
    client.open(10.0)
    told(client, {"type": "config_ack", "endpointing_ms": 500})
    events = told(client, partial("I would", t_ms=800), final("I would", reason="silence", t_ms=t_ms, audio_ms=speech))
    [over] = [event for event in events if isinstance(event, Transcript) and event.final]
    assert over.end == pytest.approx(end)


def test_after_a_commit_speech_ends_where_the_text_last_grew() -> None:
    client = machine()
    client.commit()
    events = told(
        client,
        partial("one two", t_ms=1000),
        partial("One two.", t_ms=1600),
        final("One, two", t_ms=2200, audio_ms=None),
    )
    [over] = [event for event in events if isinstance(event, Transcript) and event.final]
    assert over.end == pytest.approx(1.0)


@pytest.mark.parametrize("t_ms", [None, "soon", True, 1e300, float("nan")])
def test_a_message_without_a_usable_time_counts_as_now(t_ms: object) -> None:
    message = final("hi") if t_ms is None else final("hi", t_ms=t_ms)
    assert ends(told(machine(), message, sent=3.0))[0].at == 3.0


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


def problems(events: list[HearEvent]) -> list[str]:
    return [event.error.code for event in events if isinstance(event, Problem)]


GROUNDED = {"cue": CueOptions(grounding=True)}
WARNING = {"type": "config_ack", "warnings": ["grounding_inactive"]}


@pytest.mark.conforms("Q-04")
def test_grounding_that_the_server_warns_of_is_one_problem() -> None:
    client = machine(**GROUNDED)
    events = told(client, WARNING, WARNING, final("a", "u_1"), final("b", "u_2"), final("c", "u_3"))
    client.open(0.0)
    assert problems([*events, *told(client, WARNING)]) == ["grounding_inactive"]


@pytest.mark.conforms("Q-04")
def test_grounding_that_two_finals_with_words_come_without_is_one_problem() -> None:
    client = machine(**GROUNDED)
    first = told(client, final("", "u_0"), speech_final("a", "u_1"), final("a", "u_1"), final("", "u_2"))
    second = told(client, speech_final("b", "u_3"), partial("c", "u_4"))  # its final never comes
    assert problems(first) == []
    assert problems(second) == ["grounding_inactive"]
    assert problems(told(client, final("c", "u_4"), WARNING, final("d", "u_5"), final("e", "u_6"))) == []


def test_turns_that_we_end_ourselves_do_not_tell_of_grounding() -> None:
    client = machine(**GROUNDED)
    for number in range(4):
        assert problems([*told(client, partial("a", f"u_{number}")), *client.give_up("closed", 1.0)]) == []


def test_grounding_that_came_once_is_active() -> None:
    client = machine(**GROUNDED)
    told(client, final("a", "u_1", grounding=[]))
    assert problems(told(client, WARNING, *(final("b", f"v_{number}") for number in range(4)))) == []


def test_without_grounding_wanted_nobody_complains() -> None:
    assert problems(told(machine(), WARNING, *(final("b", f"v_{number}") for number in range(4)))) == []


@pytest.mark.conforms("T-04")
def test_an_answer_to_our_own_question_is_not_the_programs() -> None:
    client = machine()
    client.commit("deadline")
    client.commit()
    assert client.commits == 1
    events = told(client, partial("a"), final("a"), final("", "u_2"))
    assert [(event.reason, event.committed, event.text) for event in ends(events)] == [
        ("deadline", False, "a"),
        ("client_commit", True, ""),
    ]
    assert not any(event.committed for event in events if isinstance(event, Transcript))


def test_an_answer_to_a_question_about_a_turn_that_is_over_is_no_event() -> None:
    client = machine()
    client.commit("watchdog")
    assert ends(told(client, partial("a"), final("a", reason="endpoint")))[0].reason == "endpoint"
    assert told(client, final("", "u_2")) == []
    assert told(client, final("b", "u_3"))[-1] == TurnEnded("u2", "client_commit", SENT, False, "b")


def test_a_turn_that_was_ended_without_the_connection_is_not_heard_of_again() -> None:
    client = machine()
    client.commit()
    told(client, partial("a", t_ms=500), partial("A.", t_ms=700))
    assert client.give_up("deadline", 9.0, committed=False)[-1] == TurnEnded("u1", "deadline", 0.5, False, "A.")
    assert client.give_up("deadline", 9.0, committed=False) == []
    assert client.commits == 1
    client.hang_up()
    assert told(client, partial("a"), final("a")) == []
    client.open(0.5)
    assert finals(told(client, final("b"))) == ["b"]


def test_legacy_utterance_ids_do_not_hide_the_next_utterance() -> None:
    line = {"type": "transcript.final", "text": "again", "endpoint_reason": "silence", "utterance_id": "x"}
    assert finals(told(machine(), line, line)) == ["again", "again"]


def test_usage_is_reported_where_it_is_a_number() -> None:
    assert told(machine(), {"type": "usage", "audio_seconds": 3}, {"type": "usage"}) == [Usage(3.0)]


def test_giving_up_ends_the_turn_with_the_words_known() -> None:
    client = machine()
    client.commit()
    told(client, partial("hello wor", t_ms=3500), partial("Hello wor.", t_ms=3900))
    events = client.give_up("no_answer", 4.0)
    assert finals(events) == ["Hello wor."]
    assert ends(events) == [TurnEnded("u1", "no_answer", 3.5, True, "Hello wor.")]
    assert [type(event) for event in client.give_up("no_answer", 5.0)] == [TurnEnded]
    assert client.commits == 0


def test_options_that_can_change_on_an_open_connection_are_sent() -> None:
    client = machine()
    client.configure(HearOptions(endpointing_ms=300))
    client.configure(HearOptions(endpointing_ms=300, cue=CueOptions(grounding=True)))
    client.configure(HearOptions(endpointing_ms=300, cue=CueOptions(grounding=True), language="de"))
    assert client.data_to_send() == ['{"type":"config","endpointing_ms":300}', '{"type":"config","grounding":true}']


def test_only_so_many_finished_utterances_are_remembered() -> None:
    client = machine()
    for number in range(200):
        assert finals(told(client, final("x", f"u_{number}"))) == ["x"]
    assert finals(told(client, final("x", "u_199"))) == []
    assert finals(told(client, final("x", "u_0"))) == ["x"]


texts = st.sampled_from(["", "a", "a b", "A b.", " "])
identifiers = st.sampled_from(["", "u_1", "u_2", "u_3"])
reasons = st.sampled_from([None, "commit", "client_commit", "endpoint", "silence"])
kinds = st.sampled_from(
    [
        "partial",
        "partial_stable",
        "speech_final",
        "final",
        "turn.end",
        "transcript.partial",
        "transcript.final",
        "error",
    ]
)
messages = st.builds(
    lambda kind, text, utterance, reason, t_ms: {
        "type": kind,
        "text": text,
        "utterance_id": utterance,
        "endpoint_reason": reason,
        "t_ms": t_ms,
        "code": "unknown_message_type",
    },
    kinds,
    texts,
    identifiers,
    reasons,
    st.integers(-10, 90_000) | st.none(),
)
steps = st.lists(messages | st.sampled_from(["commit", "reconnect", "settle", "give up"]), max_size=40)


@given(steps)
def test_turns_are_well_formed_in_any_order_of_messages(schedule: list[Any]) -> None:
    client = machine()
    open_utterance: str | None = None
    ended: set[str] = set()
    for step in schedule:
        match step:
            case "commit":
                client.commit()
                events = []
            case "reconnect":
                events = client.settle()
                client.open(0.0)
            case "settle":
                events = client.settle()
            case "give up":
                events = client.give_up("test", 1.0)
            case _:
                events = told(client, step)
        for event in events:
            match event:
                case SpeechStarted(utterance=name):
                    assert open_utterance is None
                    assert name not in ended
                    open_utterance = name
                case Transcript(utterance=name, text=text, start=start, end=end):
                    assert name == open_utterance
                    assert text.strip() == text != ""
                    assert 0 <= start <= end
                case TurnEnded(utterance=name):
                    assert open_utterance in (None, name)
                    assert name not in ended
                    ended.add(name)
                    open_utterance = None
                case _:
                    pass
        assert client.commits >= 0
        assert client.speaking == (open_utterance is not None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["text", "utterance_id", "t_ms", "audio_ms", "endpoint_reason", "stable_text", "active_text", "grounding", "error",
     "code", "warnings", "endpointing_ms", "language", "audio_seconds", "session_id"]
)  # fmt: skip


@given(kinds | st.sampled_from(["config_ack", "usage"]), st.dictionaries(fields, json_values))
def test_no_message_breaks_the_machine(kind: str, rest: dict[str, Any]) -> None:
    client = machine()
    client.commit()
    for event in told(client, {**rest, "type": kind}):
        assert not isinstance(event, Transcript) or event.text


@given(st.text() | st.binary())
def test_garbage_gives_no_event(junk: str | bytes) -> None:
    assert machine().receive(junk, SENT) == []
