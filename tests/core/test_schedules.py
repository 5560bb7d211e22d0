"""Ten thousand random schedules on the machines of a Hear stream: messages, drops, commits, speech, silence, ticks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.core.schedules import WORD, Desk, Server, spoken

EXAMPLES = settings(max_examples=5000, suppress_health_check=[HealthCheck.too_slow], deadline=None)

MESSAGES: list[Any] = [
    {"type": kind, "text": text, "utterance_id": name, "endpoint_reason": reason, **time}
    for kind, text, name, reason, time in [
        ("partial", "a", "w1", "", {"t_ms": 400}),
        ("partial", "a b", "w1", "", {}),
        ("partial", "A b.", "w1", "", {}),
        ("partial", "c", "w2", "", {}),
        ("partial", "", "w2", "", {}),
        ("speech_final", "a b", "w1", "endpoint", {}),
        ("speech_final", "c d", "w2", "client_commit", {}),
        ("speech_final", "", "w3", "endpoint", {}),
        ("final", "a b", "w1", "endpoint", {"t_ms": 90_000}),
        ("final", "c d.", "w2", "client_commit", {}),
        ("final", "", "w3", "client_commit", {}),
        ("final", "", "w1", "silence", {}),
        ("final", "e", "w4", "max_utterance", {}),
        ("final", "e", "w5", "client_commit", {}),
        ("transcript.partial", "f", "x", "", {}),
        ("turn.end", "", "x", "silence", {"confidence": 0.9}),
        ("turn.end", "", "x", "silence", {"confidence": 0.9, "backchannel_prob": 1.0}),
        ("transcript.final", "F.", "x", "silence", {}),
        ("transcript.final", "", "x", "", {}),
    ]
]
STEPS = ["drop", "connect", "commit", "settle", "speak", "pause", "silence", "wait", "long wait"]


def take(desk: Desk, step: Any) -> None:
    """Take one step that both kinds of schedules have."""
    match step:
        case "drop":
            desk.drop()
        case "connect":
            desk.connect()
        case "commit":
            desk.commit()
        case "settle":
            desk.settle()
        case "pause":
            desk.audio(bytes(3 * WORD))
        case "silence":
            desk.audio(bytes(12 * WORD))
        case "wait":
            desk.wait(0.5)
        case "long wait":
            desk.wait(6.0)
        case _:
            raise AssertionError(step)


@pytest.mark.conforms("T-08")
@EXAMPLES
@given(st.lists(st.sampled_from(STEPS + MESSAGES * 2), max_size=25))
def test_whatever_the_server_says_each_turn_begins_once_and_ends_once_in_time(schedule: list[Any]) -> None:
    desk = Desk()
    desk.connect()
    for step in schedule:
        if isinstance(step, dict):
            desk.told(step)
        elif step == "speak":
            desk.audio(spoken(1))
        else:
            take(desk, step)
    desk.close()


@pytest.mark.conforms("T-08")
@EXAMPLES
@given(st.lists(st.sampled_from([*STEPS, "speak", "speak", "speak", "mute", "unmute"]), max_size=25))
@example(["speak", "mute", "silence", "wait", "wait", "unmute", "speak", "connect"])
@example(["speak", "mute", "silence", "wait", "unmute", "speak", "silence", "connect"])
def test_whatever_breaks_each_word_is_told_once_and_in_order(schedule: list[str]) -> None:
    desk = Desk(Server)
    desk.connect()
    said = commits = 0
    for step in [*schedule, "unmute", "drop", "connect", "silence", "silence"]:
        match step:
            case "speak":
                desk.audio(spoken(said))
                said += 1
            case "mute" | "unmute":
                desk.set_mute(step == "mute")
            case "commit":
                commits += desk.commit()
            case _:
                take(desk, step)
    assert " ".join(desk.rules.finals).split() == [str(number) for number in range(said)]
    assert desk.rules.committed == commits
    desk.close()
