"""A Hear stream without sockets and clock: the same machines, driven step by step, and a server that can be broken.

What :class:`~pyai_voice.hear.HearStream` does between the machines, :class:`Desk` does here in few lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pyai_voice.audio import AudioFormat
from pyai_voice.errors import ConnectivityError
from pyai_voice.events import (
    Connected,
    Disconnected,
    HearEvent,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
)
from pyai_voice.journal import Journal, Mark
from pyai_voice.options import CueOptions, HearOptions, TurnPolicy
from pyai_voice.protocol.hear.client import HearClient
from pyai_voice.watch import TurnWatch
from pyai_voice.words import same_words

__all__ = ["OPTIONS", "WORD", "Desk", "Rules", "Server", "spoken"]

FORMAT = AudioFormat(8000)
WORD = FORMAT.size(0.1)
"""Bytes of a spoken word."""
OPTIONS = HearOptions(
    sample_rate=8000,
    cue=CueOptions(eager=True, eager_threshold=0.3),
    turns=TurnPolicy(authority="cue", deadline=1.0, watchdog=4.0),
)
TICK = 0.25
SLOWEST = OPTIONS.turns.watchdog + 1.0 + 2 * TICK
"""Seconds after its last new word in which a turn must be over: watchdog, time to answer, and the ticks."""


def spoken(number: int) -> bytes:
    """Return the sound of a word."""
    return (1000 + number).to_bytes(2, "little") * (WORD // 2)


class Rules:
    """What must hold whatever happens; ``finals`` is what was said."""

    def __init__(self) -> None:
        self.finals: list[str] = []
        self.reasons: list[str] = []
        self.committed = 0
        self._open: str | None = None
        self._seen: set[str] = set()
        self._said = False
        self._text = ""
        self._grown_at = 0.0
        self._predicted: str | None = None

    def check(self, event: HearEvent, now: float) -> None:
        match event:
            case SpeechStarted(utterance=name):
                assert self._open is None, "two turns at once"
                assert name not in self._seen, "a turn began twice"
                self._seen.add(name)
                self._open, self._said, self._text, self._grown_at = name, False, "", now
            case Transcript(utterance=name, text=text):
                assert name == self._open, "words outside their turn"
                assert not self._said, "words after the final ones"
                self._take_words(event, text, now)
            case TurnPredicted(utterance=name):
                assert name == self._open and not self._said, "a prediction outside its turn, or after its end"
                assert self._predicted is None, "two predictions at once"
                self._predicted = name
            case PredictionWithdrawn(utterance=name):
                assert self._predicted == name, "nothing to withdraw"
                self._predicted = None
            case TurnEnded():
                self._end(event)
            case _:
                pass

    def _take_words(self, event: Transcript, text: str, now: float) -> None:
        if not same_words(text, self._text):
            self._text, self._grown_at = text, now
        if event.final:
            self.finals.append(text)
            self._said, self._predicted = True, None

    def _end(self, event: TurnEnded) -> None:
        assert event.utterance == self._open or (self._open is None and event.utterance not in self._seen)
        assert bool(event.text) == self._said, "an end that does not say what was said"
        self._seen.add(event.utterance)
        self.committed += event.committed
        self.reasons.append(event.reason)
        self._open, self._said, self._predicted = None, False, None

    def check_watchdog(self, now: float) -> None:
        assert self._open is None or now - self._grown_at < SLOWEST, "a turn is open after its watchdog"

    def check_over(self) -> None:
        assert self._open is None, "a turn never ended"
        assert self._predicted is None, "a prediction was never resolved"


class Server:
    """One connection's server: hears the numbers of words; ends an utterance after silence, or when it is asked."""

    def __init__(self, mute: bool) -> None:
        self.mute = mute
        self._position = 0
        self._words: list[int] = []
        self._told: list[int] = []
        self._silence = 0
        self._utterance = 0

    def hear(self, pcm: bytes) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        for at in range(0, len(pcm), WORD):
            word = int.from_bytes(pcm[at : at + 2], "little")
            self._position += WORD
            self._silence = 0 if word else self._silence + 1
            self._words += [word - 1000] if word else []
            told += self._tell()
        return told

    def commit(self) -> list[dict[str, Any]]:
        return [] if self.mute else self._end("client_commit")

    def _tell(self) -> list[dict[str, Any]]:
        if self.mute or not self._words:
            return []
        if self._silence >= 7:
            return self._end("endpoint")
        if self._told == self._words:
            return []
        self._told = self._words[:]
        return [self._message("partial")]

    def _end(self, reason: str) -> list[dict[str, Any]]:
        said = [self._message(kind, endpoint_reason=reason) for kind in ("speech_final", "final")]
        self._words, self._told, self._utterance = [], [], self._utterance + 1
        return said

    def _message(self, kind: str, **more: Any) -> dict[str, Any]:
        text = " ".join(map(str, self._words))
        at = 1000 * FORMAT.seconds(self._position)
        return {"type": kind, "text": text, "utterance_id": f"w{self._utterance}", "t_ms": at, **more}


class Desk:
    """The stream. ``server`` makes a connection's server; None: what the server says is up to :meth:`told`."""

    def __init__(self, server: type[Server] | None = None, options: HearOptions = OPTIONS) -> None:
        self.rules = Rules()
        self.now = 0.0
        self.mute = False
        self._make = server
        self._server: Server | None = None
        self._connected = False
        self._drop_at: float | None = None
        self._client = HearClient(options)
        self._journal = Journal(FORMAT, 600.0)
        self._watch = TurnWatch(options, FORMAT)
        self._connections = 0

    def connect(self) -> None:
        if self._connected:
            return
        self._connections += 1
        self._connected = True
        self._client.open(FORMAT.seconds(self._journal.start))
        self._server = self._make(self.mute) if self._make else None
        self._deliver([Connected(self._connections, 0.0, 0.0)])
        self._send()

    def drop(self) -> None:
        if not self._connected:
            return
        self._connected, self._drop_at = False, None
        self._deliver(self._client.settle())
        for _ in range(self._journal.rewind()):
            self._deliver(self._client.give_up("answered", self._journal.sent_seconds))
        self._deliver([Disconnected(ConnectivityError("gone"))])

    def set_mute(self, mute: bool) -> None:
        self.mute = mute
        if self._server:
            self._server.mute = mute

    def audio(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), WORD):
            piece = pcm[at : at + WORD]
            self._journal.append(piece)
            self._check(self._watch.hear(piece))
            self._send()
            self.wait(FORMAT.seconds(len(piece)))

    def commit(self) -> bool:
        due = self._journal.mark()
        self._send()
        return due

    def told(self, message: dict[str, Any]) -> None:
        if self._connected:
            self._deliver(self._client.receive(json.dumps(message), self._journal.sent_seconds))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (tick := (self.now // TICK + 1) * TICK) <= end:
            self.now = tick
            self._look()
            self.rules.check_watchdog(self.now)
        self.now = end

    def settle(self) -> None:
        """The guard's work: promote a speech_final whose final does not come."""
        if self._connected:
            self._deliver(self._client.settle())

    def close(self) -> None:
        self._connected = False
        self._deliver(self._client.give_up("closed", self._journal.sent_seconds, bool(self._journal.marks)))
        self.rules.check_over()

    def _look(self) -> None:
        if self._drop_at is not None and self.now >= self._drop_at:
            self.drop()
        overdue = self._watch.look(self.now)
        if overdue is None:
            return
        if overdue.step == "end":
            self._deliver(self._client.give_up(overdue.reason, self._journal.sent_seconds, committed=False))
            if self._connected:  # what still comes, until the connection is dropped, must not be heard
                self._client.hang_up()
                self._drop_at = self.now + 1.0
        elif not self._journal.marks:
            self._client.commit(overdue.reason)
            self._hear_answer()

    def _send(self) -> None:
        while self._connected and (item := self._journal.next(WORD)) is not None:
            if isinstance(item, Mark):
                self._client.commit()
                self._hear_answer()
            elif self._server:
                self._hear_from(self._server.hear(item))

    def _hear_answer(self) -> None:
        if self._server:
            self._hear_from(self._server.commit())

    def _hear_from(self, messages: Iterable[dict[str, Any]]) -> None:
        for message in messages:
            self.told(message)

    def _deliver(self, events: list[HearEvent]) -> None:
        for event in events:
            if isinstance(event, TurnEnded):
                if event.committed:
                    self._journal.answered()
                self._journal.confirm(FORMAT.size(event.at))
            self._check([*self._watch.take(event, self.now), event])

    def _check(self, events: list[HearEvent]) -> None:
        for event in events:
            self.rules.check(event, self.now)
