"""What an Omni session costs: its seconds, by which it is charged."""

from __future__ import annotations

from pipecat.metrics.metrics import MetricsData

__all__ = ["PyAIOmniUsageMetricsData", "SessionMeter"]


class PyAIOmniUsageMetricsData(MetricsData):
    """How long the session was connected since the last such report: the sum of all is what was used."""

    seconds: float
    """Of connection."""


class SessionMeter:
    """Seconds of connection. Every ``now`` is in seconds of one clock."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._seconds = 0.0

    def start(self, now: float) -> None:
        """A connection begins."""
        self._since = now

    def stop(self, now: float) -> None:
        """The connection is over; without effect where there is none."""
        if self._since is not None:
            self._seconds += now - self._since
        self._since = None

    def take(self, now: float) -> float:
        """Return what was used since the last time."""
        if self._since is not None:
            self._seconds, self._since = self._seconds + now - self._since, now
        seconds, self._seconds = self._seconds, 0.0
        return seconds
