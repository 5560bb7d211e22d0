"""What can go wrong: one small class for each fault, its action beside its name.

A fault strikes one connection. Byte counts are of audio: of what the caller has sent (Hear, Omni) or of what has been
answered (Speak). Make your own from :class:`HearFault`, :class:`SpeakFault` or :class:`OmniFault`; what only an Omni
call can suffer is in :mod:`.omni_faults`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..audio import AudioFormat, wav_bytes
from ..protocol.hear.wire import encode, read_object, text_of

if TYPE_CHECKING:
    from .lines import HearLine, OmniLine, SpeakLine

    AnyLine = HearLine | OmniLine | SpeakLine

__all__ = [
    "Abort",
    "Close",
    "CloseAfterFinal",
    "Delay",
    "DuplicateFinal",
    "EmptyBody",
    "ErrorFrame",
    "Fault",
    "Hang",
    "HangUp",
    "Healthy",
    "HearFault",
    "JsonIn200",
    "LateFinal",
    "NoCommitAnswer",
    "NoFinal",
    "OmniFault",
    "Refuse",
    "Say",
    "SlowBody",
    "SpeakFault",
    "SplitSamples",
    "Stall",
    "WavHeaderWhenPcm",
]

_WAV_HEAD = wav_bytes(b"", AudioFormat(24000))


class Fault:
    """What any fault can do. ``line`` is a HearLine, an OmniLine or a SpeakLine."""

    after_bytes: int | None = None
    """How many bytes of audio pass before :meth:`strike`; None: it never strikes."""

    async def begin(self, line: Any) -> bool:
        """Act before the server sees the connection; False: it never does."""
        return True

    async def strike(self, line: Any) -> None:
        """Act at ``after_bytes``, once."""


class HearFault(Fault):
    """A fault of a Hear stream."""

    async def tell(self, line: HearLine, message: str) -> None:
        """Pass a message of the server on to the client."""
        await line.say(message)


class SpeakFault(Fault):
    """A fault of a Speak request."""

    async def audio(self, line: SpeakLine, piece: bytes) -> None:
        """Pass a piece of the audio on to the client."""
        await line.write(piece)


class OmniFault(Fault):
    """A fault of an Omni call."""

    async def caller(self, line: OmniLine, message: bytes) -> bytes | None:
        """Return what the service gets of a client's message; None: nothing."""
        return message

    async def agent(self, line: OmniLine, message: bytes) -> None:
        """Pass a message of the service on to the client."""
        await line.say(message)


class Healthy(HearFault, SpeakFault, OmniFault):
    """No fault: this connection goes well."""


# Of all


@dataclass(frozen=True)
class Refuse(HearFault, SpeakFault, OmniFault):
    """Answer this instead, to the upgrade or the request. Any status: 200 with HTML is a server of another kind."""

    status: int
    code: str = ""
    """PyAI's error code, for a body in its envelope; "" leaves the body empty."""
    retry_after: float | str | None = None
    """``Retry-After``: seconds, or an HTTP date."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """More headers."""
    body: bytes | None = None
    """The body as it is."""

    async def begin(self, line: AnyLine) -> bool:
        """Refuse."""
        body = _envelope(self.code) if self.body is None else self.body
        headers = {"content-type": "application/json", "content-length": str(len(body)), **self.headers}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        await line.answer(self.status, headers, body)
        return False


def _envelope(code: str) -> bytes:
    return encode({"error": {"code": code, "message": _MESSAGE}}).encode() if code else b""


_MESSAGE = "The test wants it so"


class HangUp(HearFault, SpeakFault, OmniFault):
    """Accept the connection and drop it without an answer, as a server does that is just ending."""

    async def begin(self, line: AnyLine) -> bool:
        """Drop it."""
        line.abort()
        return False


@dataclass(frozen=True)
class Hang(HearFault, SpeakFault, OmniFault):
    """Accept the connection and never answer."""

    async def begin(self, line: AnyLine) -> bool:
        """Wait until the client gives up."""
        await line.gone()
        return False


@dataclass(frozen=True)
class Delay(HearFault, SpeakFault, OmniFault):
    """Answer so many seconds late: the upgrade, or the head of the reply."""

    seconds: float

    async def begin(self, line: AnyLine) -> bool:
        """Wait, unless the client gives up before."""
        try:
            async with asyncio.timeout(self.seconds):
                await line.gone()
        except TimeoutError:
            return True
        return False


@dataclass(frozen=True)
class Abort(HearFault, SpeakFault, OmniFault):
    """Drop the TCP connection after so many bytes of audio, as a crashed process does."""

    after_bytes: int | None = 0

    async def strike(self, line: AnyLine) -> None:
        """Drop it."""
        line.abort()


@dataclass(frozen=True)
class Stall(HearFault, SpeakFault, OmniFault):
    """After so many bytes of audio neither read nor write any more, and keep the connection: a half-open socket."""

    after_bytes: int | None = 0

    async def strike(self, line: AnyLine) -> None:
        """Stop."""
        await line.stall()


# Of streams


@dataclass(frozen=True)
class Close(HearFault, OmniFault):
    """Close the stream with a close frame after so many bytes of audio."""

    code: int = 1011
    reason: str = ""
    after_bytes: int | None = 0

    async def strike(self, line: HearLine | OmniLine) -> None:
        """Close it."""
        await line.close(self.code, self.reason)


@dataclass(frozen=True)
class Say(HearFault, OmniFault):
    """Send these messages, whatever they are, after so many bytes of audio; then go on."""

    messages: tuple[str | bytes, ...]
    after_bytes: int | None = 0

    async def strike(self, line: HearLine | OmniLine) -> None:
        """Say it."""
        for message in self.messages:
            await line.say(message)


# Of Hear


@dataclass(frozen=True)
class ErrorFrame(HearFault):
    """Send an error message after so many bytes of audio; the connection stays."""

    code: str
    flat: bool = False
    """The older shape, without ``error`` around code and message."""
    after_bytes: int | None = 0

    async def strike(self, line: HearLine) -> None:
        """Send it."""
        fault = {"code": self.code, "message": _MESSAGE}
        await line.say(encode({"type": "error", **(fault if self.flat else {"error": fault})}))


def _is_final(message: str) -> bool:
    return text_of(read_object(message) or {}, "type") == "final"


@dataclass(frozen=True)
class LateFinal(HearFault):
    """Each ``final`` comes so many seconds (below 10) after its ``speech_final``; what follows waits with it."""

    seconds: float

    async def tell(self, line: HearLine, message: str) -> None:
        """Hold back a final."""
        if _is_final(message):
            await asyncio.sleep(self.seconds)
        await line.say(message)


class NoFinal(HearFault):
    """No ``final`` ever follows a ``speech_final``."""

    async def tell(self, line: HearLine, message: str) -> None:
        """Swallow finals."""
        if not _is_final(message):
            await line.say(message)


class NoCommitAnswer(HearFault):
    """No commit is answered."""

    async def tell(self, line: HearLine, message: str) -> None:
        """Swallow the answers."""
        if text_of(read_object(message) or {}, "endpoint_reason") != "client_commit":
            await line.say(message)


class DuplicateFinal(HearFault):
    """Each ``final`` comes twice."""

    async def tell(self, line: HearLine, message: str) -> None:
        """Say a final again."""
        await line.say(message)
        if _is_final(message):
            await line.say(message)


@dataclass(frozen=True)
class CloseAfterFinal(HearFault):
    """Close the stream right after its first ``final``."""

    code: int = 1011

    async def tell(self, line: HearLine, message: str) -> None:
        """Close after a final."""
        await line.say(message)
        if _is_final(message):
            await line.close(self.code)


# Of Speak


@dataclass(frozen=True)
class SlowBody(SpeakFault):
    """The audio trickles: so many bytes, then a pause of so many seconds, and so on."""

    size: int = 4800
    gap: float = 0.1

    async def audio(self, line: SpeakLine, piece: bytes) -> None:
        """Trickle."""
        for start in range(0, len(piece), self.size):
            await line.write(piece[start : start + self.size])
            await asyncio.sleep(self.gap)


@dataclass(frozen=True)
class SplitSamples(SpeakFault):
    """The audio comes in pieces of an odd number of bytes, each in a message of its own."""

    size: int = 999

    async def audio(self, line: SpeakLine, piece: bytes) -> None:
        """Split."""
        for start in range(0, len(piece), self.size):
            await line.write(piece[start : start + self.size])
            await asyncio.sleep(0)


@dataclass(frozen=True)
class WavHeaderWhenPcm(SpeakFault):
    """The audio begins with a WAV header, although bare PCM was asked for."""

    async def audio(self, line: SpeakLine, piece: bytes) -> None:
        """Put the header in front."""
        await line.write(piece if line.record.sent else _WAV_HEAD + piece)


@dataclass(frozen=True)
class JsonIn200(SpeakFault):
    """An error in PyAI's envelope, with status 200."""

    code: str = "internal_error"
    content_type: str = "application/json"
    """``audio/pcm`` makes it harder to see."""

    async def begin(self, line: SpeakLine) -> bool:
        """Answer with the error."""
        await line.answer(200, {"content-type": self.content_type}, _envelope(self.code))
        return False


class EmptyBody(SpeakFault):
    """Status 200, the right content type, and no audio."""

    async def begin(self, line: SpeakLine) -> bool:
        """Answer with nothing."""
        await line.answer(200, {"content-type": "audio/pcm"}, b"")
        return False
