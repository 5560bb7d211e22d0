"""The machine that paces what the caller hears, against a Twilio that plays, in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twilio_pyai.playout import Clear, Mark, Piece, Playout
from twilio_pyai.tones import tones
from twilio_pyai.wire import FRAME

SLOT = 0.02


class Line:
    """Plays a playout in steps of 20 ms; marks come back when what was before them was played."""

    def __init__(self, playout: Playout, *, echoes: bool = True) -> None:
        self.playout = playout
        self.now = 100.0
        self.buffer: list[bytes | str] = []
        self.sent = b""
        self.heard = b""
        self.after_clear: list[bytes] = []
        self.most = 0
        self.clears = 0
        self._echoes = echoes

    def slot(self) -> None:
        """Let 20 ms pass."""
        while (step := self.playout.next(self.now)) is not None:
            match step:
                case Piece(coded):
                    assert len(coded) == FRAME
                    self.sent += coded
                    self.buffer.append(coded)
                    self.after_clear.append(coded)
                case Mark(name):
                    self.buffer.append(name)
                case Clear():
                    self.clears += 1
                    self.buffer = [each for each in self.buffer if isinstance(each, str)]
                    self.after_clear = []
        self.most = max(self.most, sum(isinstance(each, bytes) for each in self.buffer))
        self.play()
        self.now += SLOT

    def play(self) -> None:
        played = False
        while self.buffer and not (played and isinstance(self.buffer[0], bytes)):
            piece = self.buffer.pop(0)
            if isinstance(piece, bytes):
                self.heard += piece
                played = True
            elif self._echoes:
                self.playout.played(piece)

    def drain(self, slots: int = 4000) -> None:
        for _ in range(slots):
            self.slot()
            if not self.playout.busy(self.now):
                return
        raise AssertionError("it never comes to an end")


pieces = st.lists(st.binary(min_size=1, max_size=2000), max_size=20)


@settings(max_examples=60)
@given(pieces, st.lists(st.integers(0, 30), min_size=20, max_size=20), st.booleans())
def test_everything_is_said_once_in_order_and_never_far_ahead(
    said: list[bytes], waits: list[int], echoes: bool
) -> None:
    line = Line(Playout(lead=0.2), echoes=echoes)
    for piece, wait in zip(said, waits, strict=False):
        assert line.playout.say(piece)
        for _ in range(wait):
            line.slot()
    line.drain()
    kept = bytearray(line.heard)
    for piece in said:  # the same bytes in the same order; only the last slot before a gap is filled up
        for byte in piece:
            while kept and kept[0] != byte:
                assert kept.pop(0) == 0xFF
            assert kept.pop(0) == byte
    assert not kept.strip(b"\xff")
    assert line.most <= 12


@settings(max_examples=60)
@given(pieces, pieces, st.integers(0, 100))
def test_after_a_clear_there_is_nothing_of_what_was_before(old: list[bytes], new: list[bytes], slots: int) -> None:
    line = Line(Playout())
    for piece in old:
        line.playout.say(piece.replace(b"N", b"o"))
    for _ in range(slots):
        line.slot()
    line.playout.interrupt()
    for piece in new:
        line.playout.say(b"N" * len(piece))
    line.drain()
    assert line.clears == 1
    assert b"".join(line.after_clear).rstrip(b"\xff") == b"N" * sum(map(len, new))


@given(st.integers(0, 60), st.integers(0, 60))
def test_tones_are_whole_whoever_interrupts_when(first: int, second: int) -> None:
    line = Line(Playout())
    line.playout.say(b"w" * 1600)
    line.playout.say(tones("12"), "tones")
    line.playout.say(b"x" * 1600)
    for slots in (first, second):
        for _ in range(slots):
            line.slot()
        line.playout.interrupt()
    line.drain()
    assert tones("12") in line.heard


def test_nothing_is_sent_while_it_is_held() -> None:
    line = Line(Playout())
    line.playout.hold()
    line.playout.say(b"x" * 1600)
    for _ in range(50):
        line.slot()
    assert not line.sent and not line.playout.busy(line.now)
    line.playout.release()
    line.drain()
    assert line.heard == b"x" * 1600


def test_what_cannot_wait_is_refused() -> None:
    playout = Playout()
    assert playout.say(bytes(299 * 8000))
    assert not playout.say(bytes(2 * 8000))
    assert playout.say(bytes(8000))
    assert playout.seconds == 300


def test_a_mark_that_nobody_sent_says_nothing() -> None:
    playout = Playout()
    playout.played("pyai-1")
    assert playout.next(0.0) is None


@pytest.mark.parametrize(("digits", "seconds"), [("", 0), ("1", 0.2), ("1w2", 0.9), ("12,#", 1.1), ("x", 0)])
def test_tones_last_as_long_as_they_should(digits: str, seconds: float) -> None:
    assert len(tones(digits)) == round(8000 * seconds)
