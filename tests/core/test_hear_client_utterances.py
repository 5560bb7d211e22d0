"""The client machine of Hear: what an utterance's messages make of its words, its end and its times."""

from __future__ import annotations

import json

import pytest

from pyai_voice.events import SpeechStarted, Transcript, TurnEnded
from pyai_voice.options import HearOptions
from pyai_voice.protocol.hear.client import HearClient
from tests.core.hear_client_support import SENT, ends, final, finals, machine, partial, speech_final, told


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


def test_giving_up_ends_the_turn_with_the_words_known() -> None:
    client = machine()
    client.commit()
    told(client, partial("hello wor", t_ms=3500), partial("Hello wor.", t_ms=3900))
    events = client.give_up("no_answer", 4.0)
    assert finals(events) == ["Hello wor."]
    assert ends(events) == [TurnEnded("u1", "no_answer", 3.5, True, "Hello wor.")]
    assert [type(event) for event in client.give_up("no_answer", 5.0)] == [TurnEnded]
    assert client.commits == 0


def test_only_so_many_finished_utterances_are_remembered() -> None:
    client = machine()
    for number in range(200):
        assert finals(told(client, final("x", f"u_{number}"))) == ["x"]
    assert finals(told(client, final("x", "u_199"))) == []
    assert finals(told(client, final("x", "u_0"))) == ["x"]
