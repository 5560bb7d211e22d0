"""Recordings as they are sent: read, recognised by their first bytes, checked, under a name that writes no header."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

from ..audio import AudioFormat, wav_bytes
from ..errors import AudioError

__all__ = ["Recording", "upload"]

Recording = str | PathLike[str] | bytes
"""A path, a file's bytes, or, beside a ``rate``, headerless pcm."""

LARGEST_FILE = 512 * 1024 * 1024
"""Bytes of a recording: four hours of a WAV at 16 kHz. The service may take less, and says so."""

_CONTAINERS = (
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "wav", "audio/wav"),
    (re.compile(rb"fLaC"), "flac", "audio/flac"),
    (re.compile(rb"OggS"), "ogg", "audio/ogg"),
    (re.compile(rb"....ftyp", re.DOTALL), "m4a", "audio/mp4"),
    (re.compile(rb"\x1aE\xdf\xa3"), "webm", "audio/webm"),
    (re.compile(rb"ID3|\xff[\xe2-\xff]"), "mp3", "audio/mpeg"),
)
_REMEDY = "Expected wav, mp3, m4a, flac or ogg; headerless pcm needs its rate"


def upload(audio: Recording, rate: int | None = None) -> tuple[str, bytes, str]:
    """Return (file name, content, media type); it reads files, so call it in a thread. Raises AudioError."""
    if rate is not None:
        return "audio.wav", wav_bytes(_pcm(audio, rate), AudioFormat(rate)), "audio/wav"
    if isinstance(audio, bytes):
        extension, media_type = _container("the audio", audio)
        return f"audio.{extension}", audio, media_type
    path = Path(audio)
    data = _read(path)
    return _clean_name(path.name), data, _container(str(path), data)[1]


def _pcm(audio: Recording, rate: int) -> bytes:
    if not isinstance(audio, bytes):
        raise AudioError("rate: only for pcm bytes; a file says its own rate", code="invalid_option")
    if not 8000 <= rate <= 48000:
        raise AudioError(f"rate: {rate} is not within 8000 to 48000", code="invalid_option")
    if not audio or len(audio) % 2:
        fault = "is empty" if not audio else f"has an odd number of bytes ({len(audio)})"
        raise AudioError(f"The pcm {fault}", code="invalid_audio", hint="Expected whole 16-bit samples, mono")
    return audio


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST_FILE else b""
    except (OSError, ValueError) as error:
        fault = getattr(error, "strerror", None) or str(error)
    else:
        if size <= LARGEST_FILE:
            return data
        fault = f"larger than {LARGEST_FILE >> 20} MB, send it in parts"
    raise AudioError(f"Cannot send {path}: {fault}", code="invalid_audio")


def _container(name: str, data: bytes) -> tuple[str, str]:
    """Return (extension, media type) of a file. Raises AudioError if it is empty, unknown, or a WAV cut short."""
    if not data:
        raise AudioError(f"{name} is empty", code="invalid_audio", hint="Record or copy it again")
    for pattern, extension, media_type in _CONTAINERS:
        if pattern.match(data):
            _check_whole(name, data, extension)
            return extension, media_type
    raise AudioError(f"{name} is not an audio file that can be sent", code="invalid_audio", hint=_REMEDY)


def _check_whole(name: str, data: bytes, extension: str) -> None:
    if extension != "wav":
        return
    size = int.from_bytes(data[4:8], "little")
    unknown = size in (0, 0xFFFFFFFF)  # written by programs that stream
    if len(data) <= 44 or not unknown and len(data) < size:
        raise AudioError(f"{name} is cut short: it says {size + 8} bytes and has {len(data)}", code="invalid_audio")


def _clean_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:]
