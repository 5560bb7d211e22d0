"""Cue as a turn detector, for those who keep LiveKit's VAD and endpointing delays.

Above: ``turn_handling={"turn_detection": pyai.CueTurnDetector(stt)}``. Below: the STT's open Hear sockets; there is no
second connection, and no audio is sent twice.
"""

from __future__ import annotations

import time
import weakref

from livekit.agents import LanguageCode, llm

from ._memory import CANNOT_TELL
from ._passages import said_last
from .log import logger
from .stt import STT, the_stt

__all__ = ["CueTurnDetector"]


class CueTurnDetector:
    """Tells LiveKit whether Cue takes the turn for finished: with LiveKit's VAD and its ``endpointing`` delays.

    1.0 once the service has ended the utterance by itself (or its confidence, where it says one), the confidence of
    a prediction while there is one, and 0.0 while it waits for more: then LiveKit waits for ``max_delay``. Where Cue
    cannot tell (no connection, nothing heard from it for ``deadline`` seconds of the STT's ``turns``, the program
    has ended the utterance), 1.0: nobody is delayed.

    With it, LiveKit no longer asks Hear for early finals (``manual_flush``) when its VAD hears silence: they would
    cut an utterance that Cue has decided to wait for.
    """

    def __init__(self, stt: STT, *, threshold: float = 0.5) -> None:
        if not 0.0 < threshold <= 1.0:
            raise ValueError("threshold: expected more than 0 and at most 1")
        self._stt = weakref.ref(the_stt(stt))
        self._threshold = threshold
        stt.leave_ends_to_cue()

    @property
    def model(self) -> str:
        """Name of the detector."""
        return "pyai-cue"

    @property
    def provider(self) -> str:
        """``PyAI``."""
        return "PyAI"

    async def unlikely_threshold(self, language: LanguageCode | None) -> float | None:
        """Return the probability below which LiveKit waits for ``max_delay``; the same in all languages."""
        return self._threshold

    async def supports_language(self, language: LanguageCode | None) -> bool:
        """Return True: Cue listens to the voice, and speaks whatever Hear understands."""
        return True

    async def predict_end_of_turn(self, chat_ctx: llm.ChatContext, *, timeout: float | None = None) -> float:
        """Return how likely the caller has finished, 0 to 1. Never waits."""
        stt = self._stt()
        _, message = said_last(chat_ctx)
        likely = CANNOT_TELL if stt is None else stt.finished(message, time.monotonic())
        logger.debug("Cue: end of turn", extra={"probability": likely})
        return likely
