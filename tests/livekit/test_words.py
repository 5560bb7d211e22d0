"""The order of LiveKit's events holds whatever the server says; sound and clocks hold however audio is cut."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import rtc
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from livekit_pyai._sound import Clock, MonoInput
from livekit_pyai._words import Segment, to_api_error, to_livekit
from pyai_voice.errors import (
    AudioError,
    ConnectivityError,
    ProtocolError,
    PyAIError,
    StalledError,
    service_error,
)
from pyai_voice.events import (
    Grounding,
    HearEvent,
    Passage,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
)
from pyai_voice.options import HearOptions
from pyai_voice.protocol.hear.client import HearClient

from .helpers import END, FINAL, INTERIM, PREFLIGHT, START

LETTERS = {START: "S", INTERIM: "i", PREFLIGHT: "p", FINAL: "F", END: "E"}
ORDER = re.compile(r"(F|S[ip]*FE)*(S[ip]*)?")
"""A commit answered without words; a segment, in which nothing provisional follows the final; the one still open."""

messages = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["partial", "speech_final", "final", "error"]),
        "text": st.sampled_from(["", "a", "a b", "A b."]),
        "utterance_id": st.sampled_from(["u_1", "u_2", "u_3"]),
        "t_ms": st.integers(0, 60_000),
    },
    optional={"endpoint_reason": st.sampled_from(["endpoint", "client_commit"]), "language": st.just("de")},
)
steps = st.lists(messages | st.sampled_from(["commit", "reconnect", "settle", "give up"]), max_size=30)


def heard(machine: HearClient, step: Any) -> list[Any]:
    match step:
        case "commit":
            machine.commit()
            return []
        case "reconnect":
            events = machine.settle()
            machine.open(0.0)
            return events
        case "settle":
            return machine.settle()
        case "give up":
            return machine.give_up("closed", 60.0)
        case _:
            return machine.receive(json.dumps(step), 60.0)


@given(steps)
def test_the_order_holds_whatever_the_server_says(script: list[Any]) -> None:
    machine = HearClient(HearOptions())
    machine.open(0.0)
    clock = Clock(16000)
    clock.advance(60 * 32000)
    segment = Segment(clock)
    events = [told for step in script for event in heard(machine, step) for told in to_livekit(event, segment)]
    order = "".join(LETTERS[event.type] for event in events)
    assert ORDER.fullmatch(order), order
    assert order.count("S") - order.count("E") == segment.speaking
    for event in events:
        assert all(data.language for data in event.alternatives)
        assert (event.speech_end_time or 0.0) <= time.time()
        assert all(0.0 <= data.start_time <= data.end_time <= 60.0 for data in event.alternatives)


def letters(events: list[HearEvent]) -> str:
    clock = Clock(16000)
    clock.advance(32000)
    segment = Segment(clock)
    return "".join(LETTERS[told.type] for event in events for told in to_livekit(event, segment))


def partial(text: str) -> Transcript:
    return Transcript(text, "1")


STARTED, PREDICTED = SpeechStarted("1", 0.0), TurnPredicted("1", "a b", 0.8)
ENDPOINTED, FINISHED = Transcript("A b.", "1", endpointed=True), Transcript("A b.", "1", endpointed=True, final=True)
ENDED = TurnEnded("1", "endpoint", 1.0, text="A b.")


@pytest.mark.parametrize(
    ("events", "order"),
    [
        ([PREDICTED, ENDPOINTED], "pi"),  # the reply that is prepared is kept
        ([PREDICTED, PredictionWithdrawn("1"), PREDICTED, ENDPOINTED], "piii"),  # a breath, and no other word
        ([PREDICTED, PredictionWithdrawn("1"), partial("a b c"), PREDICTED], "piip"),  # LiveKit has dropped it
        ([PREDICTED, partial("a b c"), ENDPOINTED], "pip"),
        ([PREDICTED, Grounding((), "1"), ENDPOINTED], "pi"),
        ([PREDICTED, Grounding((Passage("x", 1.0),), "1"), ENDPOINTED], "pp"),
        ([ENDPOINTED, Grounding((Passage("x", 1.0),), "1")], "pp"),
        ([ENDPOINTED], "p"),
    ],
)
def test_a_reply_is_prepared_anew_only_for_other_words_or_passages(events: list[HearEvent], order: str) -> None:
    assert letters([STARTED, *events, FINISHED, ENDED]) == f"S{order}FE"


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20), st.integers(1, 3))
def test_sound_is_the_same_however_it_is_cut(cuts: list[int], channels: int) -> None:
    samples = np.arange(sum(cuts) * channels, dtype=np.int16).reshape(-1, channels)
    sound, out, at = MonoInput(16000), b"", 0
    for cut in cuts:
        part = samples[at : at + cut].tobytes()
        out += sound.feed(rtc.AudioFrame(part, 16000, channels, cut))
        at += cut
    assert out + sound.flush() == samples.mean(axis=1).astype(np.int16).tobytes()


@given(st.lists(st.tuples(st.sampled_from([8000, 16000, 24000, 48000]), st.integers(1, 20)), max_size=8))
def test_no_audio_is_lost_when_the_rate_changes(parts: list[tuple[int, int]]) -> None:
    sound, out, seconds = MonoInput(16000), 0, 0.0
    for rate, frames in parts:
        for _ in range(frames):
            out += len(sound.feed(rtc.AudioFrame(bytes(rate // 50 * 2), rate, 1, rate // 50)))
        seconds += frames / 50
    out += len(sound.flush())
    assert out == pytest.approx(seconds * 32000, abs=8 * (len(parts) + 1))


@pytest.mark.parametrize(
    ("error", "kind", "status", "retryable"),
    [
        (StalledError("late"), APITimeoutError, None, True),
        (ConnectivityError("gone"), APIConnectionError, None, True),
        (ProtocolError("not PyAI"), APIConnectionError, None, False),
        (AudioError("odd"), APIError, None, False),
        (service_error("no", code="unauthorized", status=401), APIStatusError, 401, False),
        (service_error("no", code="insufficient_quota", status=402), APIStatusError, 402, False),
        (service_error("wait", status=429, retry_after=2.0), APIStatusError, 429, True),
        (service_error("down", code="engine_unavailable"), APIStatusError, -1, True),
        (service_error("odd", code="never_heard_of"), APIStatusError, -1, False),
    ],
)
def test_every_error_becomes_livekits_own(error: PyAIError, kind: type, status: int | None, retryable: bool) -> None:
    told = to_api_error(error)
    assert type(told) is kind and told.retryable is retryable
    assert getattr(told, "status_code", None) == status
    assert error.message in str(told)
    assert not to_api_error(error, retryable=False).retryable
