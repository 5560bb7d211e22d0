"""What becomes of Hear's events in a pipeline: by example, and for whatever order they come in."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipecat_pyai._translation import (
    Backchannel,
    Final,
    Ground,
    Interim,
    Predict,
    Start,
    Step,
    Stop,
    Translation,
    Withdraw,
)
from pyai_voice.events import (
    Connected,
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
from pyai_voice.options import TurnAuthority, TurnPolicy

EXAMPLES = 3500
"""Schedules for each of the three authorities: more than ten thousand together."""
FOUND = (Passage("We open at seven.", 0.9),)
AUTHORITIES: tuple[TurnAuthority, ...] = ("cue", "framework", "client")


def translation(authority: TurnAuthority = "cue", backchannels: float | None = 0.8) -> Translation:
    made = Translation(TurnPolicy(authority=authority))
    made.backchannel_threshold = backchannels
    return made


def told(made: Translation, *events: HearEvent) -> list[str]:
    """Return the kinds of steps, in order."""
    return [type(step).__name__ for event in events for step in made.receive(event)]


def began(name: str = "u1") -> SpeechStarted:
    return SpeechStarted(name, 0.0)


def partial(text: str = "open", name: str = "u1") -> Transcript:
    return Transcript(text, name)


def final(text: str = "Open?", name: str = "u1", *, committed: bool = False, backchannel: float = 0.0) -> Transcript:
    verdict = Verdict(0.9, backchannel) if backchannel else None
    return Transcript(text, name, final=True, endpointed=True, committed=committed, verdict=verdict)


def ended(text: str = "Open?", name: str = "u1", *, committed: bool = False, reason: str = "endpoint") -> TurnEnded:
    return TurnEnded(name, reason, 1.0, committed, text)


def test_cue_starts_transcribes_and_stops() -> None:
    assert told(translation(), began(), partial(), final(), ended()) == ["Start", "Interim", "Final", "Stop"]


def test_passages_come_before_the_transcript_and_the_transcript_before_the_stop() -> None:
    steps = told(translation(), began(), partial(), Grounding(FOUND, "u1"), final(), ended())
    assert steps == ["Start", "Interim", "Ground", "Final", "Stop"]


@pytest.mark.parametrize("authority", ["framework", "client"])
def test_where_somebody_else_ends_turns_an_endpoint_is_only_words(authority: TurnAuthority) -> None:
    assert "Stop" not in told(translation(authority), began(), final(), ended())


def test_the_program_s_commit_ends_the_turn_of_many_utterances() -> None:
    made = translation("client")
    first = told(made, began(), final(), ended())
    second = told(made, began("u2"), final("Today?", "u2", committed=True), ended("Today?", "u2", committed=True))
    assert first + second == ["Start", "Final", "Final", "Stop"]


@pytest.mark.parametrize("reason", ["deadline", "watchdog"])
def test_our_own_patience_ends_the_program_s_turn(reason: str) -> None:
    assert told(translation("client"), began(), final(), ended(reason=reason))[-1] == "Stop"


def test_where_pipecat_ends_turns_nothing_is_proposed_or_predicted() -> None:
    events = (began(), partial(), TurnPredicted("u1", "open", 0.9), final(committed=True), ended(committed=True))
    assert told(translation("framework"), *events) == ["Interim", "Final"]


def test_a_turn_without_words_is_ended_and_its_passages_are_forgotten() -> None:
    made = translation()
    assert told(made, began(), partial("um"), Grounding(FOUND, "u1")) == ["Start", "Interim", "Ground"]
    assert made.receive(ended("")) == [Ground("u1", None), Stop()]


def test_a_prediction_is_settled_by_its_transcript_or_withdrawn() -> None:
    predicted = TurnPredicted("u1", "open", 0.9)
    assert told(translation(), began(), predicted, final(), ended()) == ["Start", "Predict", "Final", "Stop"]
    withdrawn = (began(), predicted, PredictionWithdrawn("u1"), partial("open on"))
    assert told(translation(), *withdrawn) == ["Start", "Predict", "Withdraw", "Interim"]
    assert told(translation(), began(), predicted, ended("")) == ["Start", "Predict", "Withdraw", "Stop"]


def test_what_was_answered_early_without_the_passages_is_taken_back() -> None:
    predicted = TurnPredicted("u1", "open", 0.9)
    assert told(translation(), began(), predicted, Grounding(FOUND, "u1")) == ["Start", "Predict", "Withdraw", "Ground"]
    assert told(translation(), began(), predicted, Grounding((), "u1")) == ["Start", "Predict", "Ground"]


def test_a_sign_of_listening_is_no_transcript() -> None:
    events = (began(), Grounding(FOUND, "u1"), final("Mhm.", backchannel=0.9), ended("Mhm."))
    assert told(translation(), *events) == ["Start", "Ground", "Ground", "Backchannel", "Stop"]
    assert told(translation(backchannels=0.95), *events) == ["Start", "Ground", "Final", "Stop"]
    assert told(translation(backchannels=None), *events) == ["Start", "Ground", "Final", "Stop"]
    assert told(translation("framework"), *events) == ["Ground", "Final"]


def test_the_end_of_a_stream_ends_what_is_open_and_frees_the_names() -> None:
    made = translation()
    told(made, began(), TurnPredicted("u1", "open", 0.9), Grounding((), "u1"))
    assert made.close() == [Withdraw(), Ground("u1", None), Stop()]
    assert made.close() == []
    assert told(made, began(), final(), ended()) == ["Start", "Final", "Stop"]


def test_only_turns_are_translated() -> None:
    assert told(translation(), Connected(1, 0.1, 0.0)) == []


# Whatever comes

NAMES = ("u1", "u2", "u3")
TEXTS = ("open", "open today")
BOTH = (False, True)
EVENTS: list[HearEvent | None] = [
    None,
    *(SpeechStarted(name, 0.0) for name in NAMES),
    *(
        Transcript(text, name, final, endpointed, committed, verdict=verdict)
        for text, name, final, endpointed, committed in product(TEXTS, NAMES, BOTH, BOTH, BOTH)
        for verdict in (None, Verdict(0.9, 0.1), Verdict(0.9, 0.9))
    ),
    *(TurnPredicted(name, text, 0.7) for name, text in product(NAMES, TEXTS)),
    *(PredictionWithdrawn(name) for name in NAMES),
    *(Grounding(passages, name) for passages, name in product(((), FOUND), NAMES)),
    *(
        TurnEnded(name, reason, 1.0, committed, text)
        for name, committed, text in product(NAMES, BOTH, ("", *TEXTS))
        for reason in ("endpoint", "client_commit", "deadline", "watchdog", "closed")
    ),
]
"""Everything that can happen; None: the stream ends here, and another one begins."""
KINDS = [[event for event in EVENTS if type(event) is kind] for kind in dict.fromkeys(map(type, EVENTS))]
SCHEDULES = st.lists(st.one_of(*map(st.sampled_from, KINDS)), max_size=20)


def steps_of(made: Translation, schedule: list[HearEvent | None]) -> list[Step | None]:
    """Return the steps, with None where one stream ended; the last one is closed."""
    steps: list[Step | None] = []
    for event in [*schedule, None]:
        steps += made.close() if event is None else made.receive(event)
        if event is None:
            steps.append(None)
    return steps


@pytest.mark.parametrize("authority", AUTHORITIES)
@settings(max_examples=EXAMPLES)
@given(schedule=SCHEDULES)
def test_whatever_comes_turns_alternate_and_each_utterance_is_told_once(
    authority: TurnAuthority, schedule: list[HearEvent | None]
) -> None:
    steps = steps_of(translation(authority), schedule)
    check_turns(steps, authority)
    check_predictions(steps)
    check_utterances(steps)


def check_turns(steps: list[Step | None], authority: TurnAuthority) -> None:
    """Every turn is started once and ended once; words are within a turn; none is open when a stream is over."""
    turn = False
    for step in steps:
        match step:
            case Start():
                assert not turn
                turn = True
            case Stop():
                assert turn
                turn = False
            case Interim() | Final() | Backchannel() | Predict() if authority != "framework":
                assert turn
            case None:
                assert not turn
            case _:
                pass
    assert authority != "framework" or not any(isinstance(step, Start | Stop | Predict) for step in steps)


def check_predictions(steps: list[Step | None]) -> None:
    """At most one prediction is out, and each is settled or withdrawn before its turn or stream is over."""
    predicted = ""
    for step in steps:
        match step:
            case Predict(prediction):
                assert not predicted
                predicted = prediction.utterance
            case Withdraw():
                assert predicted
                predicted = ""
            case Final(transcript):
                assert predicted in ("", transcript.utterance)
                predicted = ""
            case Stop() | None | Backchannel():
                assert not predicted
            case _:
                pass


def check_utterances(steps: list[Step | None]) -> None:
    """One transcript for each utterance, nothing of it afterwards, and no passages without one are left."""
    transcripts: Counter[str] = Counter()
    grounded: set[str] = set()
    for step in steps:
        match step:
            case Final(transcript) | Backchannel(transcript):
                transcripts[transcript.utterance] += 1
                assert transcripts[transcript.utterance] == 1
                assert isinstance(step, Final) or transcript.utterance not in grounded
                assert grounded <= {transcript.utterance}
                grounded.clear()
            case Interim(transcript):
                assert not transcripts[transcript.utterance]
            case Ground(utterance, passages):
                assert not transcripts[utterance] or passages is None
                grounded = grounded - {utterance} if passages is None else grounded | {utterance}
            case None:
                assert not grounded
                transcripts.clear()
            case _:
                pass
