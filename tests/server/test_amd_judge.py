"""What decides who has answered, piece by piece: sound, tones, speech, phrases, the dial and the judge."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.server.amd.dial import LONGEST, Dial, dial
from pyai_voice.server.amd.judge import Judge, Verdict
from pyai_voice.server.amd.phrases import Evidence, find_evidence
from pyai_voice.server.amd.sound import HOP, Moment, Sound
from pyai_voice.server.amd.speech import Speech
from pyai_voice.server.amd.tones import Tones
from tests.server.fakes import silence, tone

RATE = 8000
SIT = ((950.0, 0.33), (1400.0, 0.33), (1800.0, 0.33))
NOTHING = Evidence()


def sine(seconds: float, *hertz: float, noise: float = 0.001) -> bytes:
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * each * time) for each in hertz) / max(1, len(hertz)) * 0.25
    wave = wave + np.random.default_rng(1).normal(size=len(time)) * noise
    return (np.asarray(wave) * 32767).astype("<i2").tobytes()


def heard(*parts: bytes) -> Tones:
    tones = Tones()
    for moment in Sound().feed(b"".join(parts)):
        tones.hear(moment)
    return tones


# -- sound ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hertz", [300, 440, 1000, 2100, 3300])
def test_a_tone_is_found_where_it_is(hertz: int) -> None:
    moment = Sound().feed(sine(0.2, hertz))[-1]
    assert moment.frequency == pytest.approx(hertz, abs=6)
    assert moment.purity > 0.9
    assert moment.likeness > 0.95
    assert moment.at == pytest.approx(0.2)


def test_two_tones_are_told_from_one_and_noise_from_both() -> None:
    moment = Sound().feed(sine(0.2, 480, 620))[-1]
    assert sorted((moment.frequency, moment.second)) == pytest.approx([480, 620], abs=10)
    assert moment.purity < 0.8 < moment.both
    noise = np.random.default_rng(2).normal(size=1600) * 3000
    assert Sound().feed(noise.astype("<i2").tobytes())[-1].both < 0.6


def test_silence_is_nothing() -> None:
    moment = Sound().feed(silence(0.1, RATE))[-1]
    assert (moment.level, moment.purity, moment.likeness) == (pytest.approx(-90, abs=1), 0.0, 0.0)


@given(st.binary(max_size=4000), st.lists(st.integers(1, 700), max_size=12))
@settings(max_examples=50, deadline=None)
def test_the_pieces_do_not_matter(pcm: bytes, sizes: list[int]) -> None:
    pcm = pcm[: len(pcm) // 2 * 2]
    whole, pieces, moments, at = Sound().feed(pcm), Sound(), list[Moment](), 0
    for size in [2 * size for size in sizes] + [len(pcm)]:
        moments += pieces.feed(pcm[at : at + size])
        at += size
    assert moments == whole


# -- tones ------------------------------------------------------------------------------------------


def test_special_information_is_three_rising_tones() -> None:
    parts = [sine(seconds, hertz) for hertz, seconds in SIT]
    assert heard(silence(0.3, RATE), *parts).special_information()
    assert not heard(*parts[:2]).special_information()
    assert not heard(parts[2], parts[1], parts[0]).special_information()
    assert not heard(parts[0], silence(0.5, RATE), parts[1], parts[2]).special_information()


def test_fax_machines_are_told_apart() -> None:
    assert heard(sine(1.2, 2100)).fax() == "answering"
    assert heard(sine(0.5, 1100), silence(0.1, RATE)).fax() == "calling"
    assert heard(sine(0.5, 2100), silence(0.1, RATE)).fax() is None
    assert heard(sine(1.0, 1100), silence(0.1, RATE)).fax() is None
    assert heard(sine(0.5, 1000), silence(0.1, RATE)).fax() is None


def test_a_beep_is_one_tone_of_some_length() -> None:
    beep = heard(silence(0.2, RATE), sine(0.5, 1000), silence(0.2, RATE)).beep()
    assert beep is not None
    assert (beep.frequency, beep.began, beep.seconds) == (
        pytest.approx(1000, abs=6),
        pytest.approx(0.2, abs=0.03),
        pytest.approx(0.5, abs=0.05),
    )
    assert heard(sine(3.0, 1000)).beep() is None
    assert heard(sine(0.06, 1000), silence(0.1, RATE)).beep() is None
    assert heard(sine(0.5, 697, 1209)).beep() is None  # a key


@pytest.mark.parametrize("hertz", [(425.0,), (440.0, 480.0), (480.0, 620.0), (350.0, 440.0)])
def test_what_a_network_says_is_known(hertz: tuple[float, ...]) -> None:
    tone = heard(sine(1.0, *hertz)).current
    assert tone is not None
    assert tone.network


# -- speech -----------------------------------------------------------------------------------------


def spoken(*runs: tuple[float, float]) -> Speech:
    """Hear runs of (seconds, likelihood)."""
    speech, at = Speech(), 0.0
    for seconds, likely in runs:
        for _ in range(round(seconds / 0.032)):
            at += 0.032
            speech.hear(at, likely)
    return speech


def test_speech_begins_pauses_and_goes_on() -> None:
    speech = spoken((0.32, 0.0), (0.64, 0.9), (0.8, 0.1), (0.32, 0.9), (0.16, 0.1))
    assert speech.began == pytest.approx(0.32)
    assert speech.said_from == pytest.approx(1.76)
    assert speech.voiced == pytest.approx(0.96)
    assert speech.length == pytest.approx(1.76)
    assert speech.latest == pytest.approx(0.32)
    assert speech.silence == pytest.approx(0.16)


def test_a_click_is_no_speech() -> None:
    assert spoken((0.032, 0.9), (0.5, 0.0), (0.032, 0.9)).began is None


def test_what_was_a_tone_is_taken_back() -> None:
    speech = spoken((0.64, 0.0), (0.64, 0.9))
    speech.forget(0.5)
    assert (speech.began, speech.voiced) == (None, 0.0)
    speech = spoken((0.64, 0.9), (0.32, 0.0), (0.64, 0.9))
    speech.forget(0.96)
    assert (speech.began, speech.until) == (0.0, 0.96)


@given(st.lists(st.tuples(st.floats(0.02, 1.0), st.floats(0, 1)), max_size=20), st.floats(0, 5))
def test_speech_is_never_longer_than_the_call(runs: list[tuple[float, float]], since: float) -> None:
    speech = spoken(*runs)
    for _ in range(2):
        assert 0.0 <= speech.voiced <= speech.at + 1e-6
        assert -1e-6 <= speech.length <= speech.at + 1e-6
        assert speech.silence >= -1e-6
        speech.forget(since)


# -- phrases ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Please leave a message after the tone.", "voicemail"),
        ("I can’t come to the phone right now.", "voicemail"),
        ("For sales, press one.", "ivr"),
        ("If you record your name and reason for calling, I'll see if this person is available.", "screening"),
        ("The number you have dialed is not in service.", "sit_invalid"),
    ],
)
def test_a_machines_words_are_known(text: str, kind: str) -> None:
    evidence = find_evidence(text)
    assert evidence.machine[0] == kind
    assert evidence.machine[1] >= 1.5


@pytest.mark.parametrize(
    "text",
    ["Hello?", "Yes?", "Who is this?", "Hi, this is Anna.", "Miller speaking.", "I'm in a meeting right now.", ""],
)
def test_peoples_words_are_no_machines(text: str) -> None:
    assert find_evidence(text).machine[1] == 0.0


def test_who_asks_to_call_back_is_a_person() -> None:
    evidence = find_evidence("Can I call you back later?")
    assert evidence.of("human") > evidence.machine[1]
    assert find_evidence("I will call you back.").of("human") == 0.0


def test_a_greeting_and_an_introduction_are_known() -> None:
    assert find_evidence("Hello? Hello?").greets
    assert find_evidence("Um, good morning.").greets
    assert not find_evidence("Hello Anna").greets
    assert find_evidence("Hi, this is Anna.").introduces


@given(st.text(max_size=200))
def test_any_text_can_be_weighed(text: str) -> None:
    evidence = find_evidence(text)
    assert evidence.machine[1] >= 0.0
    assert [weight for _, weight, _ in evidence.weights] == sorted(
        (weight for _, weight, _ in evidence.weights), reverse=True
    )


# -- dial -------------------------------------------------------------------------------------------


def test_the_dial_turns_every_threshold_the_same_way() -> None:
    steps = [dial(part / 10) for part in range(11)]
    for sure, soon in pairwise(steps):
        assert all(getattr(sure, name) > getattr(soon, name) for name in Dial.__slots__)
    assert dial(-1) == dial(0)
    assert dial(2) == dial(1)


# -- judge ------------------------------------------------------------------------------------------


def judged(moments: Iterable[Moment], likely: Iterable[float], judge: Judge, evidence: Evidence = NOTHING) -> Verdict:
    """Let a judge hear until it decides; it must."""
    speech = Speech()
    for moment, voice in zip(moments, likely, strict=True):
        speech.hear(moment.at, voice)
        if verdict := judge.hear(moment, speech, evidence):
            return verdict
    return judge.end(speech, evidence)


def call(*runs: tuple[float, float, float]) -> tuple[list[Moment], list[float]]:
    """Return the moments and likelihoods of runs of (seconds, level, likelihood)."""
    moments, likely = list[Moment](), list[float]()
    for seconds, level, voice in runs:
        for _ in range(round(seconds / HOP)):
            moments.append(Moment(HOP * (len(moments) + 1), level, 500.0, 0.3, 900.0, 0.4, 0.5))
            likely.append(voice)
    return moments, likely


VOICE, QUIET = (-20.0, 0.95), (-80.0, 0.0)


@given(st.floats(0.2, 2.0), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_a_short_answer_is_a_person_and_the_dial_only_makes_it_sooner(length: float, one: float, other: float) -> None:
    made = call((0.4, *QUIET), (length, *VOICE), (4.0, *QUIET))
    slow, fast = (judged(*made, Judge(dial(part))) for part in sorted((one, other)))
    assert slow.subtype == fast.subtype == "human"
    assert fast.at <= slow.at
    assert slow.at <= 0.4 + length + 1.6


@given(st.floats(0, 1))
@settings(deadline=None)
def test_who_speaks_without_a_pause_is_a_machine(part: float) -> None:
    verdict = judged(*call((0.4, *QUIET), (12.0, *VOICE)), Judge(dial(part)))
    assert verdict.subtype == "machine"
    assert not verdict.ended


def test_words_decide_at_once_and_a_persons_words_count_against_them() -> None:
    made = call((0.4, *QUIET), (3.0, *VOICE), (3.0, *QUIET))
    verdict = judged(*made, Judge(dial(0.5)), find_evidence("Please leave a message."))
    assert (verdict.subtype, verdict.ended) == ("voicemail", "")
    assert verdict.at < 0.2
    assert "leave a message" in verdict.reason
    weighed = find_evidence("Thank you for calling Acme, this is Jo, how can I help you?")
    assert judged(*made, Judge(dial(0.5)), weighed).subtype == "human"


def test_a_weak_phrase_needs_the_silence_after_it() -> None:
    made = call((0.4, *QUIET), (1.0, *VOICE), (4.0, *QUIET))
    verdict = judged(*made, Judge(dial(0.5)), find_evidence("You've reached Anna."))
    assert (verdict.subtype, verdict.ended) == ("voicemail", "silence")
    assert verdict.at > 1.4


def test_while_words_are_being_read_a_person_waits_a_little() -> None:
    moments, likely = call((0.4, *QUIET), (0.5, *VOICE), (4.0, *QUIET))
    judge, speech = Judge(dial(0.5)), Speech()
    soon = judged(moments, likely, Judge(dial(0.5)))
    for moment, voice in zip(moments, likely, strict=True):
        speech.hear(moment.at, voice)
        if late := judge.hear(moment, speech, NOTHING, reading=True):
            assert 0.3 < late.at - soon.at < 1.0
            return
    raise AssertionError("no verdict")


def test_silence_is_told_and_noise_is_not_silence() -> None:
    assert judged(*call((16.0, *QUIET)), Judge(dial(0.5))).subtype == "silence"
    noise = judged(*call((16.0, -30.0, 0.0)), Judge(dial(0.5)))
    assert (noise.subtype, noise.rule_id) == ("unknown", "decision_timeout")


def test_music_is_sound_that_changes_little() -> None:
    moments, likely = call((6.0, -20.0, 0.0))
    steady = [Moment(m.at, m.level, m.frequency, m.purity, m.second, m.both, 0.97) for m in moments]
    assert judged(steady, likely, Judge(dial(0.5))).subtype == "music"


def test_the_tones_of_a_network_and_of_recorders() -> None:
    def verdict(*parts: bytes) -> Verdict:
        moments = Sound().feed(b"".join(parts))
        return judged(moments, [0.0] * len(moments), Judge(dial(0.5)))

    assert verdict(*(sine(seconds, hertz) for hertz, seconds in SIT)).subtype == "sit_invalid"
    assert verdict(sine(2.0, 2100)).subtype == "fax"
    beep = verdict(silence(0.3, RATE), sine(0.5, 1400), silence(1.0, RATE))
    assert (beep.subtype, beep.ended) == ("voicemail", "beep")
    ringing = [part for _ in range(4) for part in (sine(1.0, 425), silence(3.0, RATE))]
    assert verdict(*ringing).subtype == "unknown"


def test_a_beep_after_speech_is_waited_for_to_its_end() -> None:
    sounds = Sound().feed(b"".join((silence(1.4, RATE), sine(0.6, 1000), silence(1.0, RATE))))
    likely = [0.95 if 0.3 < moment.at < 1.2 else 0.0 for moment in sounds]
    verdict = judged(sounds, likely, Judge(dial(0.5)))
    assert (verdict.subtype, verdict.ended) == ("voicemail", "beep")
    assert 2.0 <= verdict.at < 2.1


def test_a_call_that_ends_is_decided_with_what_there_is() -> None:
    def end(evidence: Evidence, *runs: tuple[float, float, float]) -> str:
        return judged(*call(*runs), Judge(dial(0.0)), evidence).subtype

    assert end(NOTHING, (0.2, *QUIET), (0.5, *VOICE), (0.2, *QUIET)) == "human"
    assert end(find_evidence("You've reached Anna."), (0.2, *QUIET), (0.5, *VOICE)) == "voicemail"
    assert end(NOTHING, (0.5, *QUIET)) == "unknown"


FEATURES = st.tuples(
    st.floats(-90, 0), st.floats(0, 4000), st.floats(0, 1), st.floats(0, 4000), st.floats(0, 1), st.floats(0, 1)
)
TEXTS = st.sampled_from(["", "Hello?", "You've reached Anna.", "Please leave a message.", "How can I help you?"])


@given(st.lists(st.tuples(FEATURES, st.floats(0, 1), st.integers(1, 60)), max_size=40), TEXTS, st.floats(0, 1))
@settings(deadline=None, max_examples=150)
def test_whatever_is_heard_there_is_one_decision_in_time(runs: list, text: str, part: float) -> None:
    judge, speech, evidence, at = Judge(dial(part)), Speech(), find_evidence(text), 0.0
    for features, likely, count in [*runs, ((-90.0, 0.0, 0.0, 0.0, 0.0, 0.0), 0.0, 800)]:
        for _ in range(count):
            at += HOP
            speech.hear(at, likely)
            if verdict := judge.hear(Moment(at, *features), speech, evidence):
                assert verdict.at <= LONGEST + HOP
                assert 0.0 <= verdict.confidence <= 1.0
                assert verdict.reason
                assert (verdict.rule_id == "decision_timeout") == (verdict.subtype == "unknown")
                return
    raise AssertionError("no decision")


@given(st.floats(1.0, 15.0))
@settings(deadline=None)
def test_the_time_is_kept(timeout: float) -> None:
    verdict = judged(*call((16.0, -30.0, 0.0)), Judge(dial(0.0), timeout))
    assert verdict.subtype == "unknown"
    assert verdict.at == pytest.approx(timeout, abs=HOP)


def test_the_fakes_tone_is_a_beep() -> None:
    assert heard(tone(0.5, RATE, 1000.0)).beep() is not None
