"""What a call costs and how fast it answers, in LiveKit's metrics. Omni counts no tokens: it is paid by the second."""

from __future__ import annotations

import time

from livekit.agents.metrics import RealtimeModelMetrics
from livekit.agents.metrics.base import Metadata

from .generation import Generation

__all__ = ["CallMeter"]


class CallMeter:
    """Measures how long a call is connected; each second is reported once."""

    def __init__(self, label: str, model: str, provider: str) -> None:
        self._label = label
        self._metadata = Metadata(model_name=model, model_provider=provider)
        self._since: float | None = None
        self._unreported = 0.0

    def connected(self) -> None:
        """The call is connected (again)."""
        self.lost()
        self._since = time.monotonic()

    def lost(self) -> None:
        """The call is not connected any more."""
        self._unreported, self._since = self._seconds(), None

    def of(self, generation: Generation) -> RealtimeModelMetrics:
        """Return the metrics of a generation, with the seconds that were not reported yet."""
        ttft = -1.0
        if generation.asked_at is not None and generation.sounded_at is not None:
            ttft = generation.sounded_at - generation.asked_at
        report = self._report(generation.name, generation.began)
        report.duration = time.time() - generation.began
        report.ttft = ttft
        report.cancelled = generation.interrupted
        return report

    def rest(self) -> RealtimeModelMetrics | None:
        """Return the seconds that were not reported yet, if there are any."""
        return self._report("", time.time()) if self._seconds() > 0 else None

    def _report(self, name: str, began: float) -> RealtimeModelMetrics:
        seconds, self._unreported = self._seconds(), 0.0
        if self._since is not None:
            self._since = time.monotonic()
        return RealtimeModelMetrics(
            label=self._label,
            request_id=name,
            timestamp=began,
            session_duration=seconds,
            input_token_details=RealtimeModelMetrics.InputTokenDetails(),
            output_token_details=RealtimeModelMetrics.OutputTokenDetails(),
            metadata=self._metadata,
        )

    def _seconds(self) -> float:
        return self._unreported + (0.0 if self._since is None else time.monotonic() - self._since)
