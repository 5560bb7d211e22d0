"""What a stream remembers: whose words had which passages, and whether the last turn is over."""

from __future__ import annotations

import pytest

from livekit_pyai._memory import TurnMemory
from pyai_voice.events import (
    Grounding,
    HearEvent,
    Passage,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
    Verdict,
)

COFFEE, HOURS = Passage("Coffee is two euros.", 0.9), Passage("We open at nine.", 0.8)


def utterance(name: str, text: str, *passages: Passage) -> list[HearEvent]:
    return [
        SpeechStarted(name, 0.0),
        Grounding(passages, name),
        Transcript(text, name, endpointed=True),
        TurnEnded(name, "endpoint", 1.0, text=text),
    ]


def remember(*utterances: list[HearEvent], now: float = 0.0) -> TurnMemory:
    memory = TurnMemory()
    for event in sum(utterances, start=[]):
        memory.note(event, now)
    return memory


def test_a_message_has_the_passages_of_its_own_words_only():
    memory = remember(utterance("1", "coffee", COFFEE), utterance("2", "One coffee, and when do you open?", HOURS))
    assert memory.passages_of("One coffee and when do you open") == (HOURS,)
    assert memory.passages_of("Coffee!") == (COFFEE,)
    assert memory.passages_of("It rains.") is None and memory.passages_of("") is None


def test_a_message_of_several_utterances_has_the_passages_of_all():
    memory = remember(utterance("1", "A coffee.", COFFEE), utterance("2", "When do you open?", HOURS))
    assert memory.passages_of("A coffee. When do you open?") == (COFFEE, HOURS)
    assert memory.passages_of("(Ann:) when do you open?") == (HOURS,)


def test_an_older_utterance_with_the_same_words_counts_only_where_it_is_part_of_the_message():
    memory = remember(utterance("1", "Yes.", COFFEE), utterance("2", "Tell me more.", HOURS), utterance("3", "Yes."))
    assert memory.passages_of("Yes.") == ()
    assert memory.passages_of("Yes, yes.") == ()  # what was said in between is not in it


def test_the_newest_of_the_same_words_counts_and_a_mumble_behind_it_does_not():
    memory = remember(utterance("1", "When?", COFFEE), utterance("2", "When?", HOURS), utterance("3", "mhm"))
    assert memory.passages_of("When?") == (HOURS,)
    assert memory.knows("Mhm.") and not memory.knows("When?")


@pytest.mark.parametrize(
    ("said", "likely"),
    [
        ([], 1.0),
        ([SpeechStarted("1", 0.0)], 0.0),
        ([SpeechStarted("1", 0.0), TurnPredicted("1", "a", 0.7)], 0.7),
        ([SpeechStarted("1", 0.0), TurnPredicted("1", "a", 0.7), PredictionWithdrawn("1")], 0.0),
        ([Transcript("a", "1", endpointed=True)], 1.0),
        ([Transcript("a", "1", endpointed=True, verdict=Verdict(0.3))], 0.3),
        ([TurnEnded("1", "endpoint", 1.0, text="a", verdict=Verdict(0.4))], 0.4),
        ([TurnEnded("1", "commit", 1.0, committed=True, text="a", verdict=Verdict(0.4))], 1.0),
        ([TurnEnded("1", "endpoint", 1.0, text="a"), SpeechStarted("2", 1.0)], 0.0),
    ],
)
def test_how_likely_the_caller_has_finished(said: list[HearEvent], likely: float):
    assert remember(said, now=1.0).finished(2.0, deadline=3.0) == likely


def test_an_open_turn_of_which_nothing_is_heard_delays_nobody():
    memory = remember([SpeechStarted("1", 0.0)], now=1.0)
    assert (memory.finished(4.0, deadline=3.0), memory.finished(4.1, deadline=3.0)) == (0.0, 1.0)


def test_memory_is_bounded():
    memory = remember(*(utterance(str(count), f"word{count}", COFFEE) for count in range(100)))
    assert memory.passages_of("word99") == (COFFEE,) and memory.passages_of("word1") is None
