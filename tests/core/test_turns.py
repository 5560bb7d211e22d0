"""The keeper of turns: when an open turn is overdue, and what is done then."""

from __future__ import annotations

from typing import Any

import pytest

from pyai_voice.errors import ConnectivityError
from pyai_voice.events import ConfigAcknowledged, Connected, Disconnected, SpeechStarted, Transcript, TurnEnded, Usage
from pyai_voice.options import HearOptions, TurnPolicy
from pyai_voice.turns import Overdue, TurnKeeper

GONE = Disconnected(ConnectivityError("gone"))


def keeper(**policy: Any) -> TurnKeeper:
    policy = {"authority": "cue", "deadline": 3.0, "watchdog": 20.0, **policy}
    machine = TurnKeeper(HearOptions(turns=TurnPolicy(**policy)))
    machine.take(Connected(1, 0.1, 0.0), 0.0)
    return machine


def speaking(**policy: Any) -> TurnKeeper:
    machine = keeper(**policy)
    machine.take(SpeechStarted("u1", 0.0), 0.0)
    machine.take(Transcript("one", "u1"), 0.0)
    return machine


def test_nothing_is_overdue_where_no_turn_is_open() -> None:
    assert keeper().decide(1000.0, 1000.0) is None
    over = speaking()
    over.take(TurnEnded("u1", "endpoint", 1.0), 1.0)
    assert not over.open
    assert over.decide(1000.0, 1000.0) is None


def test_it_asks_once_and_ends_the_turn_when_no_answer_comes() -> None:
    machine = speaking()
    assert machine.decide(2.9, 2.9) is None
    assert machine.decide(3.0, 3.0) == Overdue("ask", "deadline")
    assert machine.decide(3.5, 3.5) is None
    assert machine.decide(4.0, 4.0) == Overdue("end", "deadline")


def test_an_outage_has_a_watchdog_and_no_deadline() -> None:
    machine = speaking()
    machine.take(GONE, 1.0)
    assert machine.decide(19.9, 19.0) is None
    assert machine.decide(20.0, 19.1) == Overdue("end", "watchdog")


def test_after_an_outage_the_deadline_counts_anew() -> None:
    machine = speaking()
    machine.take(GONE, 1.0)
    machine.take(Connected(2, 0.1, 9.0), 10.0)
    assert machine.decide(12.9, 12.0) is None
    assert machine.decide(13.0, 12.1) == Overdue("ask", "deadline")


def test_a_question_that_is_lost_with_the_connection_is_asked_again() -> None:
    machine = speaking()
    assert machine.decide(3.0, 3.0) == Overdue("ask", "deadline")
    machine.take(GONE, 3.1)
    assert machine.decide(5.0, 5.0) is None
    machine.take(Connected(2, 0.1, 3.0), 6.0)
    assert machine.decide(9.0, 9.0) == Overdue("ask", "deadline")


@pytest.mark.parametrize("authority", ["framework", "client"])
def test_only_cue_has_a_deadline_and_all_have_a_watchdog(authority: str) -> None:
    machine = speaking(authority=authority)
    assert machine.decide(19.9, 19.9) is None
    assert machine.decide(20.0, 0.0) == Overdue("ask", "watchdog")


def test_a_caller_who_speaks_on_has_no_deadline() -> None:
    machine = speaking()
    assert machine.decide(10.0, 2.9) is None


def test_words_put_the_deadline_off_and_only_new_ones_the_watchdog() -> None:
    machine = speaking()
    machine.take(Transcript("One.", "u1"), 5.0)
    assert machine.decide(7.9, 8.0) is None
    assert machine.decide(8.0, 8.0) == Overdue("ask", "deadline")
    machine.take(Transcript("One.", "u1"), 8.5)
    assert machine.decide(8.6, 8.6) is None
    assert machine.decide(20.0, 0.0) == Overdue("ask", "watchdog")
    machine.take(Transcript("one two", "u1"), 20.5)
    assert machine.decide(21.0, 0.0) is None
    assert machine.decide(40.5, 0.0) == Overdue("ask", "watchdog")


def test_the_deadline_waits_for_the_servers_own_silence() -> None:
    machine = speaking(deadline=1.0)
    assert machine.deadline == 1.0
    machine.configure(HearOptions(endpointing_ms=2000, turns=TurnPolicy(authority="cue", deadline=1.0)))
    assert machine.deadline == 2.5
    machine.take(ConfigAcknowledged(endpointing_ms=4000), 0.0)
    machine.take(ConfigAcknowledged(), 0.0)
    machine.take(Usage(1.0), 0.0)
    assert machine.deadline == 4.5
    machine.configure(HearOptions(turns=TurnPolicy(authority="cue", deadline=9.0)))
    assert machine.deadline == 9.0
