"""10,000 schedules of what the server says, the caller does and the line suffers, through the machines and the
translation: LiveKit's rules of order hold, and nothing is told twice.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.agents.stt import SpeechEvent

from livekit_pyai._memory import TurnMemory, words_of
from livekit_pyai._sound import Clock
from livekit_pyai._words import Segment, to_livekit
from pyai_voice.eager import TurnPredictor
from pyai_voice.errors import ConnectivityError
from pyai_voice.events import (
    Connected,
    Disconnected,
    Grounding,
    HearEvent,
    PredictionWithdrawn,
    Transcript,
    TurnEnded,
    TurnPredicted,
)
from pyai_voice.options import CueOptions, HearOptions
from pyai_voice.protocol.hear.client import HearClient

from .helpers import END, FINAL, INTERIM, PREFLIGHT, START

LETTERS = {START: "S", INTERIM: "i", PREFLIGHT: "p", FINAL: "F", END: "E"}
ORDER = re.compile(r"(F|S[ip]*FE)*(S[ip]*)?")

FOUND = [[], [{"content": "a", "score": 0.5}], [{"content": "b", "score": 0.5}]]
MESSAGES: list[dict[str, Any]] = [
    *({"type": "partial", "text": text} for text in ("A b.", "a b", "A b c.")),
    *({"type": "speech_final", "text": text} for text in ("A b.", "A b c.")),
    *({"type": kind, "text": "A b.", "grounding": found} for kind in ("speech_final", "final") for found in FOUND),
    *({"type": "final", "text": text, "endpoint_reason": "endpoint"} for text in ("a b", "A b c.", "")),
    {"type": "final", "text": "A b.", "endpoint_reason": "client_commit"},
    {"type": "turn.end", "confidence": 0.9, "backchannel_prob": 0.1},
    {"type": "transcript.final", "text": "A b."},
    {"type": "error", "code": "engine_unavailable"},
]
ENDS = {"deadline": False, "closed": True}
DEEDS = ["new", "loud", "quiet", "quiet", "commit", "reconnect", "settle", *ENDS]
STEPS: list[int | str] = [*range(len(MESSAGES)), *DEEDS]
schedules = st.binary(max_size=20).map(lambda draws: [STEPS[draw % len(STEPS)] for draw in draws])


class Line:
    """What a Hear stream does with its machines, without the sockets."""

    def __init__(self) -> None:
        cue = CueOptions(eager=True, eager_threshold=0.5, grounding=True)
        self.machine = HearClient(HearOptions(cue=cue))
        self.predictor = TurnPredictor(cue)
        self.machine.open(0.0)
        self.predictor.take(Connected(1, 0.0, 0.0))
        self.at = self.loud_to = 0.0
        self.name = 0

    def play(self, step: int | str) -> list[HearEvent]:
        if step in ("loud", "quiet"):
            self.at += 0.5
            self.loud_to = self.at if step == "loud" else self.loud_to
            return self.predictor.hear(self.at, self.loud_to)
        return [told for event in self._machine(step) for told in (*self.predictor.take(event), event)]

    def _machine(self, step: int | str) -> list[HearEvent]:
        match step:
            case int():
                message = {"utterance_id": f"u{self.name}", **MESSAGES[step]}
                return self.machine.receive(json.dumps(message), self.at)
            case "new":
                self.name += 1
            case "commit":
                self.machine.commit()
            case "reconnect":
                events = self.machine.settle()
                self.machine.open(0.0)
                return [*events, Disconnected(ConnectivityError("gone")), Connected(2, 0.0, 0.0)]
            case "settle":
                return self.machine.settle()
            case _:
                return self.machine.give_up(str(step), self.at, ENDS[str(step)])
        return []


def hear(schedule: list[int | str]) -> tuple[list[HearEvent], list[SpeechEvent], Segment]:
    line, clock, heard, told = Line(), Clock(16000), [], []
    clock.advance(60 * 32000)
    segment = Segment(clock)
    for step in schedule:
        for event in line.play(step):
            heard.append(event)
            told += to_livekit(event, segment)
    return heard, told, segment


@pytest.mark.slow
@pytest.mark.timeout(240)
@settings(max_examples=10_000, deadline=None)
@given(schedules)
def test_every_turn_begins_and_ends_once_and_nothing_is_told_twice(schedule: list[int | str]):
    heard, told, segment = hear(schedule)
    order = "".join(LETTERS[event.type] for event in told)
    assert ORDER.fullmatch(order), order
    assert order.count("S") - order.count("E") == segment.speaking
    finals = [event.alternatives[0].text for event in told if event.type is FINAL and event.alternatives[0].text]
    ended = [event for event in heard if isinstance(event, TurnEnded)]
    assert finals == [event.text for event in ended if event.text]
    assert len({event.utterance for event in ended}) == len(ended)
    check_preflights(told)
    check_passages(heard, told)


def check_preflights(told: list[SpeechEvent]) -> None:
    """LiveKit prepares a reply anew only for other words or other passages."""
    prepared: Any = None
    for event in told:
        data = event.alternatives[0] if event.alternatives else None
        if data is None or event.type is FINAL:
            prepared = None if data is None else prepared
            continue
        words = words_of(data.text)
        if event.type is PREFLIGHT:
            wanted = words, (data.metadata or {}).get("grounding") or []
            assert words and wanted != prepared
            prepared = wanted
        elif prepared and prepared[0] != words:
            prepared = None


def check_passages(heard: list[HearEvent], told: list[SpeechEvent]) -> None:
    """A final carries the passages of its own utterance, and the last reply prepared for it knew them."""
    names = iter([event.utterance for event in heard if isinstance(event, Transcript) and event.final])
    latest = {event.utterance: event.passages for event in heard if isinstance(event, Grounding)}
    prepared: list[Any] | None = None
    words: tuple[str, ...] = ()
    for event in told:
        metadata = (event.alternatives[0].metadata or {}) if event.alternatives else {}
        if event.type is PREFLIGHT:
            prepared, words = metadata.get("grounding") or [], words_of(event.alternatives[0].text)
        elif event.type is INTERIM and words_of(event.alternatives[0].text) != words:
            prepared = None  # LiveKit drops that reply
        elif event.type is FINAL and metadata:
            passages = latest.get(next(names))
            assert [found["content"] for found in metadata.get("grounding", [])] == [p.content for p in passages or ()]
            assert prepared in (None, metadata.get("grounding") or [])
        elif event.type is START:
            prepared = None


@settings(max_examples=500, deadline=None)
@given(schedules)
def test_each_prediction_is_resolved_before_its_turn_ends_and_memory_follows(schedule: list[int | str]):
    memory, open_prediction = TurnMemory(), ""
    heard, _, _ = hear(schedule)
    for event in heard:
        memory.note(event, 0.0)
        match event:
            case TurnPredicted():
                assert not open_prediction
                open_prediction = event.utterance
                assert memory.finished(0.0, 3.0) == event.confidence
            case PredictionWithdrawn():
                assert open_prediction == event.utterance
                open_prediction = ""
                assert memory.finished(0.0, 3.0) == 0.0
            case TurnEnded():
                open_prediction = ""
                assert memory.finished(0.0, 3.0) in (0.9, 1.0)
                assert not event.text or memory.knows(event.text)
            case _:
                pass
        assert 0.0 <= memory.finished(0.0, 3.0) <= 1.0
