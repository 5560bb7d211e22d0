"""Whole conversations in the time of their audio, whoever ends turns: each turn begins once and ends once."""

from __future__ import annotations

import pytest

from tests.core.schedules import OPTIONS, WORD, Desk, Server, spoken

AUTHORITIES = ["cue", "framework", "client"]


class Call:
    """A caller, and a program that commits where it ends turns."""

    def __init__(self, authority: str) -> None:
        policy = OPTIONS.turns.replace(authority=authority)
        self.desk = Desk(Server, OPTIONS.replace(turns=policy))
        self.desk.connect()
        self._commits = authority != "cue"
        self.said = 0

    def say(self, count: int) -> None:
        for _ in range(count):
            self.desk.audio(spoken(self.said))
            self.said += 1

    def quiet(self, seconds: float) -> None:
        self.desk.audio(bytes(round(10 * seconds) * WORD))

    def finish(self) -> None:
        """Stop speaking, so that whoever ends the turn does."""
        self.quiet(0.3)
        if self._commits:
            self.desk.commit()
        self.quiet(0.7)

    def check(self, turns: int) -> None:
        """Hang up; every word was told once, in so many turns."""
        self.desk.close()
        assert " ".join(self.desk.rules.finals).split() == [str(number) for number in range(self.said)]
        assert len(self.desk.rules.finals) == turns


@pytest.fixture(params=AUTHORITIES)
def call(request: pytest.FixtureRequest) -> Call:
    return Call(request.param)


def test_a_pause_in_mid_sentence_is_no_end(call: Call) -> None:
    call.say(5)
    call.quiet(0.5)
    call.say(5)
    call.finish()
    call.check(turns=1)


def test_a_caller_who_goes_on_at_once_has_two_turns(call: Call) -> None:
    call.say(5)
    call.finish()
    call.say(5)
    call.finish()
    call.check(turns=2)


def test_a_caller_may_speak_right_after_the_commit(call: Call) -> None:
    call.say(5)
    call.desk.commit()
    call.say(5)
    call.finish()
    call.check(turns=2)


def test_backchannels_are_turns_of_their_own(call: Call) -> None:
    for _ in range(3):
        call.say(1)
        call.finish()
        call.quiet(2.0)
    call.check(turns=3)


def test_noise_without_words_is_ended_without_a_transcript(call: Call) -> None:
    call.quiet(0.5)
    call.desk.told({"type": "partial", "text": "uh", "utterance_id": "noise"})
    call.quiet(0.5)
    call.desk.told({"type": "final", "text": "", "utterance_id": "noise", "endpoint_reason": "endpoint"})
    assert call.desk.rules.reasons == ["endpoint"]
    call.say(3)
    call.finish()
    call.check(turns=1)


def test_a_minute_of_silence_is_no_turn_and_the_next_word_is_heard(call: Call) -> None:
    call.say(2)
    call.finish()
    call.quiet(60.0)
    call.say(2)
    call.finish()
    call.check(turns=2)


def test_a_caller_who_is_muted_for_a_minute_in_mid_turn_has_it_ended(call: Call) -> None:
    call.say(3)
    call.desk.wait(60.0)
    assert call.desk.rules.reasons == ["watchdog"]
    call.say(2)
    call.finish()
    call.check(turns=2)


@pytest.mark.parametrize("gap", [0.0, 0.4, 3.0])
def test_a_cut_inside_a_turn_costs_no_word(call: Call, gap: float) -> None:
    call.say(5)
    call.desk.drop()
    call.say(round(10 * gap))
    call.desk.connect()
    call.say(5)
    call.finish()
    call.check(turns=1)


def test_a_turn_whose_end_falls_into_an_outage_is_ended_in_it(call: Call) -> None:
    call.say(5)
    call.desk.drop()
    call.say(2)
    call.quiet(6.0)
    assert len(call.desk.rules.reasons) == 1
    call.desk.connect()
    call.quiet(1.0)
    call.check(turns=2)  # the words that only the outage heard are a turn of their own


def test_a_server_that_falls_silent_in_a_turn_costs_a_connection_and_no_word(call: Call) -> None:
    call.say(5)
    call.desk.set_mute(True)
    call.say(2)
    call.quiet(8.0)
    assert len(call.desk.rules.reasons) == 1
    call.desk.set_mute(False)
    call.desk.connect()
    call.quiet(1.0)
    call.check(turns=2)


def test_only_cue_has_a_deadline() -> None:
    ended = {}
    for authority in AUTHORITIES:
        call = Call(authority)
        call.say(5)
        call.desk.set_mute(True)  # connected: an outage has no deadline
        call.quiet(6.0)
        ended[authority] = call.desk.rules.reasons
        call.check(turns=1)
    assert ended == {"cue": ["deadline"], "framework": ["watchdog"], "client": ["watchdog"]}
