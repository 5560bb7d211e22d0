"""How calls are served. Frozen; a wrong value raises ConfigurationError naming the option."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from pyai_voice.amd_options import AmdOptions
from pyai_voice.options import LinkOptions, Options, SpeakOptions

__all__ = ["TwilioOptions", "is_destination"]

_DESTINATION = re.compile(r"\+[1-9][0-9]{4,14}|sips?:[^\s<>\"']{1,240}")
Seconds = Annotated[float, Field(gt=0, le=60)]


def is_destination(text: str) -> bool:
    """Tell whether Twilio can dial it: a number such as +15551234567, or a SIP address."""
    return _DESTINATION.fullmatch(text) is not None


class TwilioOptions(Options):
    """Settings of the bridge, the same for all its calls."""

    transfers: dict[str, str] = {}
    """Where the agent may transfer to: its word for it -> a number (+15551234567) or a SIP address. Nothing else is
    dialled, whatever the agent says; ``""`` is taken where it names nobody."""
    apology: Annotated[str, Field(max_length=1000)] = "Sorry, something went wrong here. Please call again later."
    """Said by Twilio when PyAI is gone for good; needs Twilio's credentials. Empty: just hang up."""
    apology_language: str = "en-US"
    """Of its voice, as Twilio names it."""
    amd: AmdOptions | None = None
    """Tell who has answered before the agent says a word; for calls that you make. Encoding and rate are Twilio's."""
    hold: Annotated[float, Field(ge=0, le=30)] = 6.0
    """Seconds after which the agent speaks without a decision."""
    machines: Literal["hang_up", "talk"] = "hang_up"
    """What is done when a machine has answered."""
    message: Annotated[str, Field(max_length=2000)] = ""
    """Said to a voicemail after its beep, before hanging up. Empty: nothing."""
    speak: SpeakOptions = SpeakOptions()
    """How the message sounds; format and rate are Twilio's."""
    link: LinkOptions = LinkOptions()
    """How patient the connections to PyAI are."""
    lead: Annotated[float, Field(ge=0.04, le=2)] = 0.2
    """Seconds of sound that Twilio has in advance: what a late network may cost before the caller hears it."""
    goodbye: Seconds = 15.0
    """Seconds in which an agent that wants to hang up or transfer must have said its last words."""
    start: Seconds = 10.0
    """Seconds for Twilio's first messages."""
    idle: Seconds = 30.0
    """Seconds without a message after which Twilio is given up: it sends 50 a second."""
    stall: Seconds = 5.0
    """Seconds after which it is given up that reads nothing."""
    most: Annotated[int, Field(ge=1)] = 100
    """Calls at once; one more is refused."""
    max_message: Annotated[int, Field(ge=1024)] = 1 << 16
    """Bytes of a WebSocket message."""
    max_body: Annotated[int, Field(ge=1024)] = 1 << 16
    """Bytes of a webhook."""

    @field_validator("transfers")
    @classmethod
    def _check_transfers(cls, transfers: dict[str, str]) -> dict[str, str]:
        if wrong := next((each for each in transfers.values() if not is_destination(each)), None):
            raise ValueError(f"{wrong[:40]!r}: expected a number such as +15551234567, or sip:name@host")
        return transfers
