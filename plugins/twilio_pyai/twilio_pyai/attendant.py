"""What the agent says and wants, with the means that a telephone has.

Above: :mod:`.call`. It reads the events of the Omni stream, which owns reconnecting, and fills the playout.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pyai_voice import g711
from pyai_voice.errors import PyAIError
from pyai_voice.omni import OmniStream
from pyai_voice.omni_events import (
    CallEnded,
    DigitsRequested,
    HangUpRequested,
    HoldRequested,
    Interrupted,
    OmniEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    TransferRequested,
)

from .music import music
from .options import TwilioOptions
from .playout import Playout
from .tones import DIALABLE, tones

__all__ = ["Attendant", "Leave"]

_log = logging.getLogger("twilio_pyai")

_LAST_WORDS = 1.0
"""Seconds for a goodbye to begin, where the agent hangs up while it says nothing."""
_MOST_DIGITS = 64
_LONGEST_HOLD = 120.0
"""Seconds of music, also where the agent does not say how many it wants."""


@dataclass(frozen=True, slots=True)
class Leave:
    """How the agent's part of a call ends, once what waits has been heard."""

    why: str
    """For the log."""
    transfer: str = ""
    """A number or a SIP address."""
    failed: bool = False
    """PyAI is gone."""
    message: str = ""
    """Said before, to a voicemail."""


class Attendant:
    """One call's agent."""

    def __init__(
        self,
        stream: OmniStream,
        playout: Playout,
        options: TwilioOptions,
        wake: Callable[[], None],
        call_sid: str,
        *,
        can_transfer: bool,
    ) -> None:
        """``wake`` is called when the playout has something new."""
        self._stream = stream
        self._playout = playout
        self._options = options
        self._wake = wake
        self._call_sid = call_sid
        self._can_transfer = can_transfer
        self._replying = False
        self._full = False
        self._hold = 0.0
        self._leave: Leave | None = None

    async def attend(self) -> Leave:
        """Play what the agent says until it leaves the call, or is lost for good; may be called again after that."""
        self._leave = None
        try:
            async with asyncio.timeout(None) as patience:
                async for event in self._stream:
                    self._take(event)
                    if self._leave and isinstance(event, ReplyEnded | CallEnded):
                        break
                    if self._leave and isinstance(event, HangUpRequested | TransferRequested | ReplyStarted):
                        wait = self._options.goodbye if self._replying else _LAST_WORDS
                        patience.reschedule(asyncio.get_running_loop().time() + wait)
        except TimeoutError:
            pass
        except PyAIError as error:
            _log.warning("call %s: %s", self._call_sid, error)
            return Leave(f"PyAI: {error.code or error.category}", failed=True)
        return self._leave or Leave("the agent hung up")

    def _take(self, event: OmniEvent) -> None:
        match event:
            case ReplyStarted():
                self._replying = True
            case ReplyEnded():
                self._replying = False
                self._play_hold()
            case ReplyAudio(pcm=pcm):
                self._play(pcm)
            case Interrupted():
                self._hold = 0.0
                self._playout.interrupt()
                self._wake()
            case _:
                self._obey(event)

    def _obey(self, event: OmniEvent) -> None:
        match event:
            case DigitsRequested(digits):
                self._dial(digits)
            case HangUpRequested():
                self._leave = self._leave or Leave("the agent hung up")
            case TransferRequested(destination):
                self._transfer(destination)
            case CallEnded(reason):
                self._leave = self._leave or Leave(f"ended by {reason}")
            case HoldRequested(seconds):
                self._hold = min(_LONGEST_HOLD if seconds is None else seconds, _LONGEST_HOLD)
                self._play_hold()
            case _:
                pass

    def _play(self, pcm: bytes) -> None:
        if not self._playout.say(g711.encode(pcm)) and not self._full:
            self._full = True
            _log.warning("call %s: the agent says more than can wait; the rest is dropped", self._call_sid)
        self._wake()

    def _play_hold(self) -> None:
        """Play music once the words are complete in which the agent asks to wait; its next words end it."""
        if self._hold > 0 and not self._replying:
            self._playout.say(music(self._hold), "music")
            self._hold = 0.0
            self._wake()

    def _dial(self, digits: str) -> None:
        if not digits or len(digits) > _MOST_DIGITS or not set(digits) <= DIALABLE:
            _log.warning("call %s: the agent wants to dial what is no touch tone", self._call_sid)
            return
        self._playout.say(tones(digits), "tones")
        self._wake()

    def _transfer(self, destination: str) -> None:
        known = self._options.transfers
        number = known.get(destination) or (destination if destination in known.values() else "")
        if not self._can_transfer:
            _log.warning("call %s: not transferred: Twilio's credentials are needed", self._call_sid)
        elif not number:
            _log.warning("call %s: not transferred: transfers does not have what the agent says", self._call_sid)
        else:
            self._leave = Leave("transferred", number)
