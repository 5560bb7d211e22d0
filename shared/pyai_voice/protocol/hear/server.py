"""The server's side of the Hear conversation: client messages in, calls out; facts in, messages out.

Above: :mod:`pyai_voice.server.hear`, which owns the socket and the engine. Below: :mod:`.wire`. No socket, no clock.

Rules, with their source in PyAI's protocol (Hear streaming):

* ``config_ack`` comes before any transcript; every ``config`` is answered by one more;
* an utterance is ``partial``* then ``speech_final`` then ``final``, all with the same ``utterance_id``;
* one commit is answered by one such pair with the reason ``client_commit``, also when nothing was said;
* ``{"type":"end"}`` is ignored; the text ``EOF`` asks for a flush; any other type gets ``unknown_message_type``;
* an error says its code both flat and nested, because both shapes have readers;
* grounding that was asked for is a list, empty when there is nothing to find.

Without ``protocol=pyai-hear-v1`` the older ``fusion-v0`` names are used. A message never makes it raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...audio import SampleAligner
from ...events import Passage
from .request import StreamRequest, clamp_endpointing
from .wire import COMMIT, COMMIT_ALIAS, LEGACY_TYPES, Message, encode, number, read_object, text_of

__all__ = ["Audio", "Commit", "Configure", "Flush", "HearCall", "HearServer"]

_COMMITS = frozenset(text_of(message, "type") for message in map(read_object, (COMMIT, COMMIT_ALIAS)) if message)
_FLUSH = "EOF"
_LEGACY_NAMES = {name: legacy for legacy, name in LEGACY_TYPES.items()}
_INACTIVE = "grounding_inactive"
_MODEL = "hear-realtime-1"
"""What the service calls its engine in the older wire's first message."""


@dataclass(frozen=True, slots=True)
class Audio:
    """The caller's sound."""

    pcm: bytes
    """Whole 16-bit samples, never empty."""


@dataclass(frozen=True, slots=True)
class Commit:
    """End the utterance now; answer with one ``endpoint(reason="client_commit")``."""


@dataclass(frozen=True, slots=True)
class Flush:
    """End the utterance now if there is one; answer with ``endpoint(reason="eof")``."""


@dataclass(frozen=True, slots=True)
class Configure:
    """Change a setting from here on; it has already been acknowledged."""

    endpointing_ms: int
    """Trailing silence that ends an utterance, in milliseconds."""


HearCall = Audio | Commit | Flush | Configure
"""Everything that a client can ask for."""


class HearServer:
    """One Hear connection as the server sees it.

    Call :meth:`open` first. Hand every incoming message to :meth:`receive` and do what it returns; after any
    call send every item of :meth:`data_to_send`.
    """

    def __init__(
        self, request: StreamRequest, session_id: str, *, endpointing_ms: int, grounding_available: bool = False
    ) -> None:
        self._request = request
        self._session_id = session_id
        self._endpointing_ms = request.endpointing_ms or endpointing_ms
        self._grounding_available = grounding_available
        self._grounding = False
        self._aligner = SampleAligner()
        self._utterance = 1
        self._revision = 0
        self._stable = ""
        self._active_ms = 0
        self._outgoing: list[str] = []

    def data_to_send(self) -> list[str]:
        """Return the messages to send since the last call, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    @property
    def grounding(self) -> bool:
        """Whether the client wants passages with its finals."""
        return self._grounding

    # What the client says

    def receive(self, message: Message) -> list[HearCall]:
        """Digest one message of the client; never raises."""
        if isinstance(message, bytes):
            pcm = self._aligner.feed(message)
            return [Audio(pcm)] if pcm else []
        if message.strip() == _FLUSH:
            return [Flush()]
        fields = read_object(message)
        if fields is None or not isinstance(fields.get("type"), str):
            self.error("invalid_request", 'expected binary PCM or a JSON object with a "type"')
            return []
        return self._control(fields["type"], fields)

    def _control(self, kind: str, fields: dict[str, Any]) -> list[HearCall]:
        if kind in _COMMITS:
            return [Commit()]
        if kind == "config":
            return self._configure(fields)
        if kind != "end":
            self.error("unknown_message_type", f"unknown type {kind[:40]!r}")
        return []

    def _configure(self, fields: dict[str, Any]) -> list[HearCall]:
        warnings = list(self._ground(fields))
        asked = number(fields, "endpointing_ms")
        if asked is None and "endpointing_ms" in fields:
            warnings.append("endpointing_ms_ignored: expected a number of milliseconds")
        endpointing, clamped = clamp_endpointing(None if asked is None else round(asked))
        self._endpointing_ms = endpointing or self._endpointing_ms
        self._acknowledge([*warnings, *clamped])
        return [Configure(endpointing)] if endpointing else []

    def _ground(self, fields: dict[str, Any]) -> Sequence[str]:
        wanted = fields.get("grounding")
        if not isinstance(wanted, bool):
            return ()
        self._grounding = wanted
        return (_INACTIVE,) if wanted and not self._grounding_available else ()

    # What the server has to say

    def open(self, warnings: Sequence[str] = ()) -> None:
        """Greet the client; ``warnings`` say what the engine cannot do as asked."""
        if self._request.legacy:
            self._send("session.created", model=_MODEL, session_id=self._session_id)
        else:
            self._acknowledge([*self._request.warnings, *warnings])

    def partial(self, text: str, stable: str, t_ms: int) -> None:
        """Say what the open utterance is so far; ``stable`` is the prefix that will not change."""
        if not text or not self._request.interim_results:
            return
        stable = stable if text.startswith(stable) else ""
        self._revision += 1
        extra = {"revision_id": self._revision} if self._request.legacy else {}
        parts = {"text": text, "stable_text": stable, "active_text": text[len(stable) :]}
        self._send("partial", **parts, utterance_id=self._name(), **extra, t_ms=t_ms)
        if len(stable) > len(self._stable) and not self._request.legacy:
            self._send("partial_stable", text=stable, utterance_id=self._name(), t_ms=t_ms)
        self._stable = stable

    def endpoint(self, text: str, t_ms: int, audio_ms: int, reason: str, passages: Sequence[Passage] = ()) -> None:
        """End the open utterance: ``speech_final``, then ``final``, then the count so far."""
        common: dict[str, Any] = {"utterance_id": self._name(), "t_ms": t_ms, "endpoint_reason": reason}
        if self._grounding:
            common["grounding"] = [{"content": each.content, "score": each.score} for each in passages[:3]]
        if self._request.legacy:
            self._send("speech_final", **common)
            self._send("final", text=text, raw_text=text, audio_ms=audio_ms, **common)
        else:
            self._send("speech_final", text=text, audio_ms=audio_ms, **common)
            self._send("final", text=text, audio_ms=audio_ms, **common)
        self._utterance, self._stable = self._utterance + 1, ""
        self._count(audio_ms)

    def error(self, code: str, message: str) -> None:
        """Say that something is wrong, in the shape that both kinds of reader understand."""
        self._outgoing.append(
            encode({"type": "error", "code": code, "message": message, "error": {"code": code, "message": message}})
        )

    def _acknowledge(self, warnings: Sequence[str]) -> None:
        self._outgoing.append(
            encode(
                {
                    "type": "config_ack",
                    "endpointing_ms": self._endpointing_ms,
                    "warnings": list(warnings),
                    "session_id": self._session_id,
                }
            )
        )

    def _count(self, audio_ms: int) -> None:
        self._active_ms += audio_ms
        seconds = self._active_ms / 1000
        if self._request.legacy:
            self._send("usage", active_audio_seconds=seconds)
            return
        product = "cue" if self._grounding else "hear"
        self._send(
            "usage", product=product, meter=f"{product}.minutes", audio_seconds=seconds, minutes=round(seconds / 60, 6)
        )

    def _send(self, kind: str, **fields: object) -> None:
        if not self._request.legacy:
            self._outgoing.append(encode({"type": kind, **fields}))
            return
        message = {"type": _LEGACY_NAMES.get(kind, kind), **fields}
        self._outgoing.append(encode({**message, "session_id": self._session_id}))

    def _name(self) -> str:
        return f"u_{self._utterance}"
