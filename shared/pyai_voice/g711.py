"""G.711 (ITU-T), the sound of telephone networks: a byte a sample at 8000 Hz, by table.

numpy is loaded at first use: importing the package must stay quick.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["RATE", "Law", "decode", "encode"]

RATE = 8000
"""Samples a second."""
Law = Literal["ulaw", "alaw"]
"""North America and Japan use mu-law, the rest A-law; Twilio and PyAI send mu-law only."""


def encode(pcm: bytes, law: Law = "ulaw") -> bytes:
    """Return pcm16 mono (whole samples) as G.711."""
    import numpy as np

    return _codes(law)[np.frombuffer(pcm, "<i2").astype(np.int32) + 32768].tobytes()


def decode(coded: bytes, law: Law = "ulaw") -> bytes:
    """Return G.711 as pcm16 mono."""
    import numpy as np

    return _samples(law)[np.frombuffer(coded, np.uint8)].tobytes()


@lru_cache(2)
def _codes(law: Law) -> npt.NDArray[np.uint8]:
    """One byte for each of the 65536 samples."""
    import numpy as np

    samples = np.arange(-32768, 32768)
    return (_ulaw(samples) if law == "ulaw" else _alaw(samples)).astype(np.uint8)


@lru_cache(2)
def _samples(law: Law) -> npt.NDArray[np.int16]:
    """One sample for each byte: the middle of the values that it stands for."""
    import numpy as np

    codes = np.arange(256)
    return (_from_ulaw(codes) if law == "ulaw" else _from_alaw(codes)).astype("<i2")


def _ulaw(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import numpy as np

    magnitude = np.minimum(np.abs(samples >> 2) + 33, 0x1FFF)  # 14 bits, with the law's bias
    exponent = np.floor(np.log2(magnitude)).astype(np.int64) - 5
    mantissa = (magnitude >> (exponent + 1)) & 0x0F
    return ((exponent << 4) | mantissa) ^ np.where(samples < 0, 0x7F, 0xFF)


def _alaw(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import numpy as np

    magnitude = np.where(samples < 0, -samples - 1, samples) >> 3
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 4, 0)
    mantissa = (magnitude >> np.maximum(exponent, 1)) & 0x0F
    return ((exponent << 4) | mantissa) ^ np.where(samples < 0, 0x55, 0xD5)


def _from_ulaw(codes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import numpy as np

    inverted = codes ^ 0xFF
    magnitude = ((((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4)) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude)


def _from_alaw(codes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import numpy as np

    toggled = codes ^ 0x55
    exponent = (toggled & 0x70) >> 4
    mantissa = ((toggled & 0x0F) << 4) + np.where(exponent > 0, 0x108, 8)
    magnitude = mantissa << np.maximum(exponent - 1, 0)
    return np.where(toggled & 0x80, magnitude, -magnitude)
