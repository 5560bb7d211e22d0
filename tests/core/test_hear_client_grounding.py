"""The client machine of Hear: grounding, asked for, given, and missing."""

from __future__ import annotations

import pytest

from pyai_voice.events import Grounding, HearEvent, Passage, Problem, SpeechStarted, Transcript, TurnEnded
from pyai_voice.options import CueOptions, HearOptions
from pyai_voice.protocol.hear.client import HearClient
from tests.core.hear_client_support import final, machine, partial, speech_final, told


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
