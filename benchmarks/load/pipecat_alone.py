"""A running Pipecat pipeline whose speech-to-text service does nothing: what the framework itself costs."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pipecat.frames.frames import Frame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService

from .caller import Heard
from .pipecat import PipecatLine, run_pipeline

__all__ = ["open_line"]


class DeafService(STTService):
    """Takes audio and forgets it."""

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Hear nothing."""
        yield None


async def open_line(base_url: str, heard: Heard) -> PipecatLine:
    """Start a pipeline that never calls ``heard``."""
    return await run_pipeline(DeafService(settings=STTSettings(model=None, language=None)), heard)
