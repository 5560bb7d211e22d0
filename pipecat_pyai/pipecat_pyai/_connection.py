"""What a Pipecat application learns of the connection behind a speech-to-text service: events, log lines, errors.

Above: :mod:`pipecat_pyai.stt`. An outage is told once, however many dials it takes.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from loguru import logger
from pipecat.services.stt_service import STTService

from pyai_voice.errors import PyAIError
from pyai_voice.events import ConfigAcknowledged, Connected, Disconnected, HearEvent, Problem

from ._words import to_category, to_local_category

__all__ = ["ConnectionReports"]


class _State(Enum):
    NEW = "no connection yet"
    OPEN = "connected"
    DOWN = "dialling again"


class ConnectionReports(STTService):
    """Base of the service. Event besides those of STTService: ``on_reconnected(service, seconds_replayed)``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._connection = _State.NEW
        self._warnings: tuple[str, ...] = ()
        self._register_event_handler("on_reconnected")

    async def _report_connection(self, event: HearEvent) -> None:
        match event:
            case Connected():
                await self._report_connected(event)
            case Disconnected(error=error):
                await self._report_disconnected(error)
            case Problem(error=error):
                await self.push_error(str(error), error, category=to_local_category(error))
            case ConfigAcknowledged(warnings=warnings) if warnings and warnings != self._warnings:
                self._warnings = warnings
                logger.warning(f"{self}: PyAI could not do everything as asked: {'; '.join(warnings)}")
            case _:
                pass

    async def _report_failure(self, error: PyAIError) -> None:
        """Report the error that ended a stream; the service is unusable if repeating cannot help."""
        before, self._connection = self._connection, _State.DOWN
        if before is _State.OPEN:
            await self._call_event_handler("on_disconnected")
        await self._call_event_handler("on_connection_error", str(error))
        permanent = not error.retryable
        await self.push_error(str(error), error, category=to_category(error), force_treat_as_permanent=permanent)

    async def _report_connected(self, event: Connected) -> None:
        logger.debug(f"{self}: connected in {event.took:.2f} s, {event.replayed:.2f} s of audio to catch up")
        before, self._connection = self._connection, _State.OPEN
        await self._call_event_handler("on_connected")
        if before is not _State.NEW:
            await self._call_event_handler("on_reconnected", event.replayed)

    async def _report_disconnected(self, error: PyAIError) -> None:
        before, self._connection = self._connection, _State.DOWN
        if before is _State.DOWN:
            return
        level = "DEBUG" if error.code == "options" else "WARNING"  # or it was our own wish
        logger.log(level, f"{self}: dialling again, the audio is kept meanwhile: {error}")
        if before is _State.OPEN:
            await self._call_event_handler("on_disconnected")
        else:
            await self._call_event_handler("on_connection_error", str(error))
