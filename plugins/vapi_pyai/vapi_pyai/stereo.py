"""Interleaved PCM apart: one mono stream for each channel, whatever the pieces it comes in. No I/O."""

from __future__ import annotations

__all__ = ["Deinterleaver"]

_WIDTH = 2


class Deinterleaver:
    """Takes signed 16-bit little-endian samples of all channels in turns; holds back what is no whole frame of them."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return what is new of each channel, all equally long."""
        data = self._rest + data
        cut = len(data) - len(data) % (_WIDTH * self._channels)
        self._rest = data[cut:]
        if self._channels == 1:
            return [data[:cut]]
        samples = memoryview(data)[:cut].cast("h")
        return [samples[channel :: self._channels].tobytes() for channel in range(self._channels)]
