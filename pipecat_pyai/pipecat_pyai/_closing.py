"""What a service has opened is closed, however its pipeline ends."""

from __future__ import annotations

from abc import abstractmethod

from pipecat.frames.frames import CancelFrame, EndFrame
from pipecat.processors.frame_processor import FrameProcessor

__all__ = ["Closing"]


class Closing(FrameProcessor):
    """Mixin, ahead of Pipecat's class: at the end of the pipeline, when it is cancelled, and when it is taken down."""

    @abstractmethod
    async def _close(self) -> None:
        """Close what is open; comes more than once."""

    async def stop(self, frame: EndFrame) -> None:
        """Close after all that came before."""
        await super().stop(frame)  # pyright: ignore[reportAttributeAccessIssue] - of the AIService behind it
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """Close now."""
        await super().cancel(frame)  # pyright: ignore[reportAttributeAccessIssue] - likewise
        await self._close()

    async def cleanup(self) -> None:
        """Close, whatever came before."""
        await super().cleanup()
        await self._close()
