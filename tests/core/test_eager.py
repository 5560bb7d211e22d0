"""Eager end of turn: what is predicted from words and silence, and what withdraws it."""

from __future__ import annotations

import asyncio

import pytest

from pyai_voice.eager import TurnPredictor
from pyai_voice.errors import ConnectivityError
from pyai_voice.events import (
    Connected,
    Disconnected,
    HearEvent,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
    Verdict,
)
from pyai_voice.hear import HearStream
from pyai_voice.options import CueOptions, HearOptions
from tests.core.scripted import Peer, scripted, stay

WHOLE, PLAIN, HALF = "I want a latte.", "I want a latte", "I want a"
SPOKEN = 2.0
"""Where the caller's last sound ended."""


def predictor(threshold: float = 0.6) -> TurnPredictor:
    machine = TurnPredictor(CueOptions(eager=True, eager_threshold=threshold))
    machine.take(Connected(1, 0.1, 0.0))
    return machine


def words(text: str, end: float = SPOKEN, **more: object) -> Transcript:
    return Transcript(text, "u1", end=end, **more)  # type: ignore[arg-type] - fields of a transcript


def quiet_until_predicted(machine: TurnPredictor, loud_to: float = SPOKEN, most: float = 3.0) -> float | None:
    """Give silence in steps of 20 ms; return how much it took."""
    for step in range(round(most / 0.02)):
        if machine.hear(loud_to + step * 0.02, loud_to):
            return step * 0.02
    return None


def silence_needed(text: str, threshold: float = 0.6, **more: object) -> float | None:
    machine = predictor(threshold)
    machine.take(words(text, **more))
    return quiet_until_predicted(machine)


def test_a_whole_sentence_needs_little_silence_and_half_of_one_needs_much() -> None:
    needed = [silence_needed(text) for text in (WHOLE, PLAIN, HALF)]
    assert needed == pytest.approx([0.16, 0.6, 1.34], abs=0.021)


def test_a_higher_threshold_waits_longer_and_the_lowest_not_for_the_gaps_inside_words() -> None:
    needed = [silence_needed(WHOLE, threshold) for threshold in (0.0, 0.5, 0.7, 0.9, 0.99)]
    assert needed == sorted(needed)  # type: ignore[type-var] - none is None
    assert needed[0] == pytest.approx(0.1, abs=0.021)
    assert silence_needed(WHOLE, 1.0) is None


def test_a_prediction_says_what_it_is_of() -> None:
    machine = predictor()
    machine.take(words(WHOLE))
    [told] = machine.hear(3.0, SPOKEN)
    assert isinstance(told, TurnPredicted)
    assert (told.utterance, told.text) == ("u1", WHOLE)
    assert 0.6 <= told.confidence < 1.0
    assert machine.hear(4.0, SPOKEN) == []


def test_words_that_may_lack_the_last_one_wait_until_they_have_settled() -> None:
    assert silence_needed(WHOLE, end=SPOKEN - 0.2) == pytest.approx(0.4, abs=0.021)
    assert silence_needed(WHOLE, end=SPOKEN - 0.6) is None


def test_the_services_decision_counts_at_once_and_its_verdict_for_what_it_is() -> None:
    assert silence_needed(HALF, endpointed=True) == pytest.approx(0.1, abs=0.021)
    assert silence_needed(HALF, endpointed=True, verdict=Verdict(0.7)) == pytest.approx(0.1, abs=0.021)
    assert silence_needed(HALF, endpointed=True, verdict=Verdict(0.3)) == pytest.approx(1.34, abs=0.021)
    assert silence_needed("mhm", endpointed=True, verdict=Verdict(0.99, backchannel=0.5)) is None


def test_a_caller_who_goes_on_withdraws_it_and_may_be_predicted_again() -> None:
    machine = predictor()
    machine.take(words(WHOLE))
    assert machine.hear(2.3, SPOKEN)
    assert machine.hear(2.6, 2.6) == [PredictionWithdrawn("u1")]
    assert machine.hear(2.62, 2.62) == []
    machine.take(words("I want a latte. And a tea.", end=3.5))
    assert quiet_until_predicted(machine, 3.5) is not None


def test_other_words_withdraw_it_and_another_spelling_does_not() -> None:
    machine = predictor()
    machine.take(words(WHOLE))
    assert machine.hear(2.3, SPOKEN)
    assert machine.take(words("i want a latte")) == []
    assert machine.take(words("I want a latte and")) == [PredictionWithdrawn("u1")]
    assert machine.take(words("I want a latte and")) == []


@pytest.mark.parametrize("end", [words("Something else", final=True), TurnEnded("u1", "endpoint", 2.0)])
def test_the_end_resolves_it_without_a_withdrawal(end: HearEvent) -> None:
    machine = predictor()
    machine.take(words(WHOLE))
    assert machine.hear(2.3, SPOKEN)
    assert machine.take(words("Something else", endpointed=True)) == []
    assert machine.take(end) == []
    assert machine.hear(9.0, SPOKEN) == []
    assert machine.hear(9.1, 9.1) == []


def test_without_a_connection_nothing_is_predicted_until_the_words_come_again() -> None:
    machine = predictor()
    machine.take(words(WHOLE))
    machine.take(Disconnected(ConnectivityError("gone")))
    assert quiet_until_predicted(machine) is None
    machine.take(Connected(2, 0.1, 2.0))
    assert quiet_until_predicted(machine) is None
    machine.take(SpeechStarted("u1", 1.0))
    machine.take(words(WHOLE))
    assert quiet_until_predicted(machine) is not None


def test_what_is_open_when_it_is_switched_off_is_withdrawn() -> None:
    machine = predictor()
    machine.take(words(WHOLE))
    assert machine.hear(2.3, SPOKEN)
    machine.options = CueOptions()
    assert machine.hear(2.4, SPOKEN) == [PredictionWithdrawn("u1")]
    assert machine.hear(9.0, SPOKEN) == []


SECOND = 32000
LOUD = (3000).to_bytes(2, "little") * (SECOND // 2)


async def collect_to_end(stream: HearStream) -> list[HearEvent]:
    events: list[HearEvent] = []
    async with asyncio.timeout(20):
        async for event in stream:
            events.append(event)
            if isinstance(event, TurnEnded):
                break
    return events


@pytest.mark.conforms("T-07")
async def test_a_stream_predicts_withdraws_and_predicts_again() -> None:
    async def patient(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        await peer.say(type="partial", text="One.", utterance_id="u", t_ms=1000)
        await peer.hear_audio(3 * SECOND)
        await peer.say(type="partial", text="One. Two.", utterance_id="u", t_ms=3000)
        await peer.hear_audio(4 * SECOND)
        await peer.final("One. Two.", "endpoint", t_ms=4000)
        await stay(peer)

    told: list[HearEvent] = []

    async def until(stream: HearStream, kind: type[HearEvent]) -> None:
        async with asyncio.timeout(20):
            async for event in stream:
                told.append(event)
                if isinstance(event, kind):
                    return

    async with scripted(patient) as server:
        async with HearStream(server.endpoint, HearOptions(cue=CueOptions(eager=True))) as stream:
            stream.send_audio(LOUD)
            await until(stream, Transcript)
            stream.send_audio(bytes(SECOND))
            await until(stream, TurnPredicted)
            stream.send_audio(LOUD)
            await until(stream, PredictionWithdrawn)
            await until(stream, Transcript)
            stream.send_audio(bytes(SECOND))
            await until(stream, TurnPredicted)
            told += await collect_to_end(stream)
    kinds = [type(event) for event in told if isinstance(event, TurnPredicted | PredictionWithdrawn | TurnEnded)]
    assert kinds == [TurnPredicted, PredictionWithdrawn, TurnPredicted, TurnEnded]
    assert [event.text for event in told if isinstance(event, TurnPredicted)] == ["One.", "One. Two."]


async def test_it_is_off_unless_asked_for_and_can_be_switched_on_later() -> None:
    async def patient(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        await peer.say(type="partial", text="One.", utterance_id="u", t_ms=1000)
        await peer.hear_audio(3 * SECOND)
        await peer.final("One.", "endpoint", t_ms=2000)
        await stay(peer)

    for eager in (False, True):
        async with scripted(patient) as server, HearStream(server.endpoint) as stream:
            stream.send_audio(LOUD)
            async with asyncio.timeout(20):
                while not isinstance(await anext(stream), Transcript):
                    pass
            stream.update(cue=CueOptions(eager=eager))
            stream.send_audio(bytes(2 * SECOND))
            events = await collect_to_end(stream)
        assert any(isinstance(event, TurnPredicted) for event in events) == eager
