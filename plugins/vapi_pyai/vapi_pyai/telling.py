"""What Hear tells, in the words of Vapi's custom transcriber. No I/O.

Source: Vapi, "Custom transcriber": each partial replaces the one before it, until a final comes.
"""

from __future__ import annotations

from typing import Literal

from pyai_voice.events import HearEvent, Transcript, TurnEnded

__all__ = ["Channel", "Teller"]

Channel = Literal["customer", "assistant"]


class Teller:
    """Speaks for one channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._partial = ""

    def tell(self, event: HearEvent) -> dict[str, str] | None:
        """Return the message for an event, if it is worth one."""
        match event:
            case Transcript(final=True, text=text):
                self._partial = ""
                return self._response(text, "final")
            case Transcript(text=text) if text != self._partial:
                self._partial = text
                return self._response(text, "partial")
            case TurnEnded() if self._partial:  # it had words, and has none in the end
                self._partial = ""
                return self._response("", "final")
            case _:
                return None

    def _response(self, text: str, kind: Literal["partial", "final"]) -> dict[str, str]:
        return {
            "type": "transcriber-response",
            "transcription": text,
            "channel": self._channel,
            "transcriptType": kind,
        }
