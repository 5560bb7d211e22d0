"""PCM: alignment, resampling, WAV files, whatever comes in."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.audio import (
    AudioFormat,
    Resampler,
    SampleAligner,
    loud_seconds,
    read_wav,
    resample,
    wav_bytes,
)
from pyai_voice.errors import AudioError

RATES = st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 48000]) | st.integers(8000, 48000)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]


def tone(samples: int, rate: int = 16000) -> bytes:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)).astype("<i2").tobytes()


@given(st.binary(max_size=400), st.lists(st.integers(0, 1000), max_size=20))
def test_any_chunking_gives_the_same_whole_samples(data: bytes, cuts: list[int]) -> None:
    aligner = SampleAligner()
    pieces = [aligner.feed(chunk) for chunk in split(data, cuts)]
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert b"".join(pieces) == data[: len(data) - len(data) % 2]
    assert aligner.pending == len(data) % 2


@given(st.integers(0, 5000), RATES, RATES, st.lists(st.integers(0, 10_000), max_size=8))
def test_resampling_keeps_the_length_whatever_the_chunking(
    samples: int, source: int, target: int, cuts: list[int]
) -> None:
    pcm = tone(samples)
    aligner, resampler = SampleAligner(), Resampler(source, target)
    out = b"".join(resampler.feed(aligner.feed(chunk)) for chunk in split(pcm, cuts)) + resampler.feed(b"", last=True)
    assert len(out) % 2 == 0
    assert abs(len(out) // 2 - samples * target / source) <= 1


@given(st.lists(st.integers(0, 10_000), max_size=8))
def test_resampling_in_pieces_sounds_as_resampling_at_once(cuts: list[int]) -> None:
    pcm = tone(4000)
    aligner, resampler = SampleAligner(), Resampler(16000, 22050)
    pieces = b"".join(resampler.feed(aligner.feed(chunk)) for chunk in split(pcm, cuts))
    assert pieces + resampler.feed(b"", last=True) == resample(pcm, 16000, 22050)


def test_loud_audio_is_clipped_and_does_not_wrap_around() -> None:
    square = np.repeat(np.tile([32767, -32768], 40), 40).astype("<i2")
    out = np.frombuffer(resample(square.tobytes(), 16000, 48000), "<i2").astype(int)
    assert np.abs(np.diff(out)).max() < 40_000  # a wrap would jump by 65535


def test_resampling_keeps_the_tone() -> None:
    out = np.frombuffer(resample(tone(16000), 16000, 24000), "<i2")
    spectrum = np.abs(np.fft.rfft(out))
    assert abs(int(spectrum.argmax()) - 440) <= 1  # one second: a bin is one hertz


def test_the_same_rate_is_left_alone() -> None:
    assert resample(b"\x01\x02\x03\x04", 16000, 16000) == b"\x01\x02\x03\x04"


@given(st.integers(0, 10_000), RATES)
def test_sizes_and_seconds_are_inverse(samples: int, rate: int) -> None:
    audio_format = AudioFormat(rate)
    assert audio_format.size(audio_format.seconds(2 * samples)) == 2 * samples


def test_loud_parts_are_counted_and_silence_is_not() -> None:
    audio_format = AudioFormat(16000)
    pcm = bytes(audio_format.size(1.0)) + tone(8000) + bytes(audio_format.size(1.0))
    assert loud_seconds(pcm, audio_format) == pytest.approx(0.5, abs=0.021)
    assert loud_seconds(b"", audio_format) == 0.0


@given(st.binary(min_size=1, max_size=500).map(lambda data: data * 2), RATES)
def test_a_written_wav_is_read_again(pcm: bytes, rate: int) -> None:
    assert read_wav(wav_bytes(pcm, AudioFormat(rate))) == (pcm, AudioFormat(rate))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_wav_reader(data: bytes) -> None:
    try:
        pcm, _ = read_wav(data)
    except AudioError as error:
        assert error.code == "invalid_audio"
    else:
        assert pcm


@given(st.integers(0, 243), st.integers(0, 255))
def test_no_wrong_byte_breaks_the_wav_reader(place: int, byte: int) -> None:
    data = bytearray(wav_bytes(tone(100), AudioFormat(16000)))
    data[place] = byte
    try:
        pcm, audio_format = read_wav(bytes(data))
    except AudioError as error:
        assert error.hint
    else:
        assert pcm and audio_format.rate > 0


@given(st.integers(0, 243))
def test_a_wav_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(AudioError):
        read_wav(wav_bytes(tone(100), AudioFormat(16000))[:length])


def _wav(channels: int, width: int, frames: bytes) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(16000)
        file.writeframes(frames)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("channels", "width", "said"),
    [(2, 2, "2 channels of 16 bits"), (1, 1, "1 channels of 8 bits"), (1, 3, "24 bits")],
)
def test_other_kinds_of_wav_are_refused_with_a_remedy(channels: int, width: int, said: str) -> None:
    with pytest.raises(AudioError, match=said) as caught:
        read_wav(_wav(channels, width, bytes(12)))
    assert "ffmpeg" in str(caught.value)


def test_an_empty_wav_is_refused() -> None:
    with pytest.raises(AudioError, match="empty"):
        read_wav(_wav(1, 2, b""))


def test_files_are_named_in_the_complaint(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    with pytest.raises(AudioError, match=r"call\.wav': No such file"):
        read_wav(path)
    with pytest.raises(AudioError, match="null"):
        read_wav("call\0.wav")
    path.write_bytes(b"not audio")
    with pytest.raises(AudioError, match=r"call\.wav is not a PCM WAV file"):
        read_wav(str(path))
    path.write_bytes(wav_bytes(tone(10), AudioFormat(8000)))
    assert read_wav(path)[1].rate == 8000


def test_a_streamed_wav_whose_length_was_not_known_is_read_to_its_end() -> None:
    whole = wav_bytes(b"\x01\x02" * 50, AudioFormat(16000))
    streamed = whole[:4] + b"\xff" * 4 + whole[8:40] + b"\xff" * 4 + whole[44:]
    assert read_wav(streamed) == (b"\x01\x02" * 50, AudioFormat(16000))
    assert read_wav(streamed + b"\x07") == (b"\x01\x02" * 50, AudioFormat(16000))
    with pytest.raises(AudioError, match="empty"):
        read_wav(streamed[:44])
