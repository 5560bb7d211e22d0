"""The caller's slots, and the agent's sound at another rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.omni_events import Interrupted, ReplyAudio, ReplyEnded
from pyai_voice.reply_sound import ReplySound
from pyai_voice.slots import CallerSlots

SLOT = 640
LOUD = b"\x00\x40" * 320
SILENCE = bytes(SLOT)


def test_without_audio_every_slot_is_silence() -> None:
    slots = CallerSlots(16000, 16000)
    assert [slots.next() for _ in range(3)] == [SILENCE] * 3
    assert len(CallerSlots(8000, 8000).next()) == 320


@given(st.lists(st.integers(0, 900), max_size=30))
def test_any_pieces_give_the_same_audio_in_whole_slots(sizes: list[int]) -> None:
    slots = CallerSlots(16000, 16000)
    audio = bytes(index % 250 + 1 for index in range(sum(sizes)))
    given_so_far, heard = 0, b""
    for size in sizes:
        slots.feed(audio[given_so_far : given_so_far + size])
        given_so_far += size
    for _ in range(len(audio) // SLOT + 2):
        slot = slots.next()
        assert len(slot) == SLOT
        heard += slot
    assert heard.strip(b"\0") == audio[: len(audio) // 2 * 2]


def test_a_slot_that_has_begun_waits_once_for_its_rest() -> None:
    slots = CallerSlots(16000, 16000)
    slots.feed(LOUD[:320])
    assert slots.next() == SILENCE
    slots.feed(LOUD[320:])
    assert slots.next() == LOUD
    slots.feed(LOUD[:320])
    assert [slots.next(), slots.next(), slots.next()] == [SILENCE, LOUD[:320] + bytes(320), SILENCE]


def test_what_is_late_is_made_up_for_in_the_callers_pauses_only() -> None:
    slots = CallerSlots(16000, 16000)
    slots.feed(LOUD * 5 + SILENCE * 10 + LOUD)
    given_slots = [slots.next() for _ in range(12)]
    assert given_slots[:5] == [LOUD] * 5
    assert given_slots[5:].count(LOUD) == 1 and slots.waiting == 0.0


def test_too_much_audio_loses_the_oldest() -> None:
    slots = CallerSlots(16000, 16000)
    assert slots.feed(LOUD * 100) == 0.0
    assert slots.feed(SILENCE[:-2] + b"\x01\x00") == pytest.approx(0.02)
    assert slots.waiting == pytest.approx(2.0)


def test_a_muted_caller_gives_silence() -> None:
    slots = CallerSlots(16000, 16000)
    slots.feed(LOUD)
    slots.mute(True)
    slots.feed(LOUD)
    assert slots.next() == SILENCE
    slots.mute(False)
    slots.feed(LOUD)
    assert slots.next() == LOUD


def test_another_rate_is_resampled() -> None:
    slots = CallerSlots(8000, 48000)
    slots.feed(b"\x00\x20" * 48_000)
    assert slots.waiting == pytest.approx(1.0, abs=0.15)


def total(events: list[object]) -> int:
    return sum(len(each.pcm) // 2 for each in events if isinstance(each, ReplyAudio))


def test_audio_at_the_right_rate_passes() -> None:
    event = ReplyAudio("r1", bytes(960), 24000)
    assert ReplySound(24000).take(event, 0.0) == ReplySound(None).take(event, 0.0) == [event]


def test_what_is_held_back_comes_in_time_and_only_then() -> None:
    sound = ReplySound(48000)
    first = sound.take(ReplyAudio("r1", bytes(48_000), 24000), 10.0)
    assert sound.tick(10.5) == []
    rest = sound.tick(10.95)
    assert total([*first, *rest]) == pytest.approx(48_000, abs=1) and total(rest) > 0
    assert sound.tick(11.5) == []
    ended = ReplyEnded("r1", "", 1.0)
    assert sound.take(ended, 12.0) == [ended]


def test_the_end_of_a_reply_gives_the_rest_and_an_interruption_does_not() -> None:
    sound = ReplySound(8000)
    first = sound.take(ReplyAudio("r1", bytes(48_000), 24000), 0.0)
    last = sound.take(ReplyEnded("r1", "", 1.0), 0.1)
    assert total([*first, *last]) == pytest.approx(8_000, abs=1) and isinstance(last[-1], ReplyEnded)
    sound.take(ReplyAudio("r2", bytes(48_000), 24000), 5.0)
    cut = Interrupted("r2", "energy")
    assert sound.take(cut, 5.1) == [cut]
    assert sound.tick(9.0) == []


def test_replies_and_rates_do_not_mix() -> None:
    sound = ReplySound(16000)
    events = [
        *sound.take(ReplyAudio("r1", bytes(4_800), 24000), 0.0),
        *sound.take(ReplyAudio("r2", bytes(4_800), 24000), 0.0),
        *sound.take(ReplyAudio("r2", bytes(1_600), 8000), 0.0),
        *sound.tick(60.0),
    ]
    assert {each.rate for each in events if isinstance(each, ReplyAudio)} == {16000}
    for reply, samples in (("r1", 1_600), ("r2", 3_200)):
        assert total(
            [each for each in events if isinstance(each, ReplyAudio) and each.reply == reply]
        ) == pytest.approx(samples, abs=2)
