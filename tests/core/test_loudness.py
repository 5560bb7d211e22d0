"""Loudness: where the last sound ended, whatever the noise of the line and the size of the pieces."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.audio import AudioFormat
from pyai_voice.loudness import Loudness

RATE = 8000
FORMAT = AudioFormat(RATE)


def noise(seconds: float, level: int, seed: int = 7) -> bytes:
    source = random.Random(seed)
    samples = (source.randint(-level, level) for _ in range(round(seconds * RATE)))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def heard(*parts: bytes, start: float = 0.0) -> Loudness:
    loudness = Loudness(FORMAT, start)
    for part in parts:
        loudness.feed(part)
    return loudness


def test_it_tells_where_speech_ended() -> None:
    loudness = heard(noise(1, 0), noise(2, 8000), noise(0.5, 0))
    assert (loudness.position, loudness.loud_to, loudness.quiet) == pytest.approx((3.5, 3.0, 0.5))


def test_positions_are_those_of_the_stream() -> None:
    assert heard(noise(1, 8000), start=10.0).loud_to == pytest.approx(11.0)
    assert heard(start=10.0).quiet == 0.0


def test_a_click_is_no_speech_and_a_word_is() -> None:
    assert heard(noise(1, 0), noise(0.04, 20000), noise(0.5, 0)).loud_to == 0.0
    assert heard(noise(1, 0), noise(0.1, 20000), noise(0.5, 0)).loud_to == pytest.approx(1.1)


def test_a_faint_line_is_quiet() -> None:
    assert heard(noise(5, 250)).loud_to == 0.0


def test_a_lasting_noise_becomes_the_silence_of_the_line_and_speech_stands_out_of_it() -> None:
    noisy = heard(noise(10, 900))
    assert noisy.quiet > 3.0
    noisy.feed(noise(0.5, 12000))
    assert noisy.quiet == pytest.approx(0.0, abs=0.021)
    noisy.feed(noise(2, 900))
    assert noisy.quiet == pytest.approx(2.0, abs=0.021)


def test_a_lasting_sound_that_is_too_loud_for_a_line_stays_a_sound() -> None:
    assert heard(noise(30, 6000)).quiet == 0.0


def test_speech_with_the_pauses_that_speech_has_never_becomes_the_silence_of_the_line() -> None:
    loudness = Loudness(FORMAT)
    for second in range(30):
        loudness.feed(noise(0.9, 6000, second))
        assert loudness.quiet < 0.021
        loudness.feed(noise(0.1, 40))


@given(st.lists(st.integers(0, 700), max_size=30))
def test_the_size_of_the_pieces_does_not_matter(sizes: list[int]) -> None:
    sound = noise(0.3, 0) + noise(0.5, 5000) + noise(0.3, 0)
    whole, pieces, at = heard(sound), Loudness(FORMAT), 0
    for size in sizes:
        pieces.feed(sound[at : at + 2 * size])
        at = min(len(sound), at + 2 * size)
    pieces.feed(sound[at:])
    assert (pieces.position, pieces.loud_to) == (whole.position, whole.loud_to)
