"""Lines out of recordings, and clear errors for what is no recording."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.call import CALLER
from demo.caller import first_reading, line_of, recorded, split_lines
from pyai_voice.audio import AudioFormat
from pyai_voice.errors import AudioError


def tone(seconds: float, rate: int = CALLER.rate, amplitude: int = 8000) -> bytes:
    high, low = (level.to_bytes(2, "little", signed=True) * 20 for level in (amplitude, -amplitude))
    return ((high + low) * (int(seconds * rate) // 40 + 1))[: AudioFormat(rate).size(seconds)]


def silence(seconds: float, rate: int = CALLER.rate) -> bytes:
    return bytes(AudioFormat(rate).size(seconds))


def write(path: Path, pcm: bytes, rate: int = CALLER.rate, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


def test_a_pause_of_more_than_a_second_parts_two_lines() -> None:
    first, second = split_lines(silence(0.5) + tone(1) + silence(0.9) + tone(0.5) + silence(1.2) + tone(0.8))
    assert first.onset == pytest.approx(0.3)
    assert first.end - first.onset == pytest.approx(2.4)
    assert second.end - second.onset == pytest.approx(0.8)


def test_knows_where_the_speech_of_a_whole_line_begins_and_ends() -> None:
    line = line_of(silence(0.4) + tone(1) + silence(0.6), CALLER, "Hello")
    assert (line.onset, line.end) == (pytest.approx(0.4), pytest.approx(1.4))
    assert len(line.pcm) == CALLER.size(2.0)
    assert line.text == "Hello"


def test_a_silent_line_has_no_speech() -> None:
    line = line_of(silence(1), CALLER)
    assert line.onset == line.end == 0.0


@given(st.lists(st.tuples(st.floats(0.1, 1.0), st.floats(1.2, 2.0)), min_size=1, max_size=5))
def test_as_many_lines_as_were_spoken(parts: list[tuple[float, float]]) -> None:
    recording = b"".join(tone(spoken) + silence(pause) for spoken, pause in parts)
    lines = split_lines(recording)
    assert len(lines) == len(parts)
    for line, (spoken, _) in zip(lines, parts, strict=True):
        assert line.end - line.onset == pytest.approx(spoken, abs=0.045)
        assert 0 <= line.onset <= line.end <= CALLER.seconds(len(line.pcm))


@given(st.binary(max_size=4000).map(lambda noise: noise[: len(noise) // 2 * 2]))
def test_any_noise_is_cut_without_an_error(noise: bytes) -> None:
    for line in split_lines(noise):
        assert line.pcm in noise


def test_a_recording_in_another_rate(tmp_path: Path) -> None:
    caller = recorded(write(tmp_path / "order.wav", tone(1, 48000) + silence(0.5, 48000), 48000))
    assert "order.wav" in caller.name
    assert caller.lines[0].end - caller.lines[0].onset == pytest.approx(1.0, abs=0.05)


def test_the_real_reading_is_there_and_ends_at_a_pause() -> None:
    pcm, source = first_reading()
    assert 5 <= source.seconds(len(pcm)) <= 10
    assert len(split_lines(pcm)) >= 1


def no_file(path: Path) -> Path:
    return path


def text_file(path: Path) -> Path:
    path.write_text("no audio at all", encoding="utf-8")
    return path


BAD = {
    "missing": no_file,
    "not a WAV": text_file,
    "stereo": lambda path: write(path, tone(1), channels=2),
    "8 bits": lambda path: write(path, tone(1), width=1),
    "empty": lambda path: write(path, b""),
    "silent": lambda path: write(path, silence(2)),
}


@pytest.mark.parametrize("kind", BAD)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, kind: str) -> None:
    path = BAD[kind](tmp_path / "caller.wav")
    with pytest.raises(AudioError, match=r"caller\.wav"):
        recorded(path)
