"""Uploaded recordings: any file that PyAV decodes, as pcm16, mixed to one channel or each channel by itself."""

from __future__ import annotations

from os import SEEK_END
from typing import IO

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from ..audio import AudioFormat
from ..errors import service_error

__all__ = ["decode", "decode_channels"]

_REMEDY = "send a whole wav, mp3, m4a, flac, ogg or webm recording"
_CUT_SHORT = 0.25
"""Seconds by which a file may be shorter than its header says."""
_HONEST_HEADERS = frozenset({"flac", "mov,mp4,m4a,3gp,3g2,mj2"})
"""Containers whose header knows the length; elsewhere it is a guess, and for WAV it is checked here."""
_LAYOUTS = {1: "mono", 2: "stereo"}
_UNKNOWN_SIZE = 0x7FFFFF00
"""From here on a RIFF size is what a program writes that streams and does not know it."""


def decode(file: IO[bytes], rate: int, longest: float) -> bytes:
    """Return a recording as pcm16 mono at ``rate``, several channels mixed to one; blocks.

    Raises RequestError: ``invalid_audio`` for what is not audio, empty or cut short, ``payload_too_large`` for more
    than ``longest`` seconds.
    """
    return _read(file, rate, longest, "mono")[0]


def decode_channels(file: IO[bytes], rate: int, longest: float) -> list[bytes]:
    """Return each channel of a recording as :func:`decode` does."""
    return _read(file, rate, longest, None)


def _read(file: IO[bytes], rate: int, longest: float, layout: str | None) -> list[bytes]:
    promised, complaint, channels = None, _missing_bytes(file), [b""]
    try:
        with av.open(file, "r", metadata_errors="ignore") as container:
            promised = _promised(container)
            layout = layout or _layout(container)
            channels = _split(_decode(container, rate, longest, layout), av.AudioLayout(layout).nb_channels)
    except (FFmpegError, IndexError) as error:  # IndexError: no audio in it
        complaint = complaint or f"it cannot be decoded ({type(error).__name__})"
    complaint = complaint or _shortfall(AudioFormat(rate).seconds(len(channels[0])), promised)
    if complaint:
        raise service_error(f"file: {complaint}; {_REMEDY}", code="invalid_audio")
    return channels


def _layout(container: InputContainer) -> str:
    count = container.streams.audio[0].channels
    if count not in _LAYOUTS:
        raise service_error(f"file: {count} channels; expected one or two", code="invalid_audio")
    return _LAYOUTS[count]


def _split(pcm: bytes, channels: int) -> list[bytes]:
    samples = np.frombuffer(pcm, np.int16).reshape(-1, channels)
    return [samples[:, channel].tobytes() for channel in range(channels)]


def _missing_bytes(file: IO[bytes]) -> str:
    """Complain about a WAV file that is shorter than its header says: decoders take what is there in silence."""
    size = file.seek(0, SEEK_END)
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return ""
    promised = int.from_bytes(head[4:8], "little")
    if promised >= _UNKNOWN_SIZE or promised + 8 <= size + 1:  # a last padding byte is often left out
        return ""
    return f"it is cut short: {size} of {promised + 8} bytes are there"


def _promised(container: InputContainer) -> float | None:
    stream = container.streams.audio[0]
    if container.format.name not in _HONEST_HEADERS or not stream.duration or not stream.time_base:
        return None
    return float(stream.duration * stream.time_base)


def _decode(container: InputContainer, rate: int, longest: float, layout: str) -> bytes:
    """Return the samples, those of all channels at a time side by side."""
    resampler = av.AudioResampler(format="s16", layout=layout, rate=rate)
    most = AudioFormat(rate).size(longest) * av.AudioLayout(layout).nb_channels
    pcm = bytearray()
    for frame in container.decode(audio=0):
        pcm += _resampled(resampler, frame)
        if len(pcm) > most:
            raise service_error(f"file: longer than {longest:.0f} seconds; send it in parts", code="payload_too_large")
    return bytes(pcm + _resampled(resampler, None))


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> bytes:
    return b"".join(np.asarray(piece.to_ndarray(), np.int16).tobytes() for piece in resampler.resample(frame))


def _shortfall(seconds: float, promised: float | None) -> str:
    if not seconds:
        return "it holds no sound"
    if promised is not None and promised - seconds > _CUT_SHORT:
        return f"it is cut short: {seconds:.1f} of {promised:.1f} seconds are there"
    return ""
