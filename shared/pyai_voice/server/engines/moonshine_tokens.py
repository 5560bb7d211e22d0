"""Moonshine's tokens: pieces of words, and how a text is made of them (byte-pair encoding)."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["END", "START", "Tokens", "read_tokens"]

START, END = 1, 2
_FIRST_BYTE, _FIRST_PIECE = 3, 259
"""Ids: three special tokens, then one for each byte, then the pieces in the order in which they were merged."""
_SPACE = "\u2581"


class Tokens:
    """The table of ``tokenizer.bin``."""

    def __init__(self, data: bytes) -> None:
        self._pieces = read_tokens(data)
        self._ids = {piece: place for place, piece in enumerate(self._pieces) if place >= _FIRST_PIECE and piece}

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of some tokens, with single spaces."""
        joined = b"".join(self._pieces[each] for each in ids if each not in (START, END))
        return " ".join(joined.decode(errors="replace").replace(_SPACE, " ").split())

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, merged in the order of the table."""
        pieces = [sign.encode() for sign in _SPACE + text.replace(" ", _SPACE)]
        while pairs := {
            self._ids.get(one + two, 0): place for place, (one, two) in _pairs(pieces) if one + two in self._ids
        }:
            place = pairs[min(pairs)]
            pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
        return [each for piece in pieces for each in self._known(piece)]

    def _known(self, piece: bytes) -> list[int]:
        return [self._ids[piece]] if piece in self._ids else [_FIRST_BYTE + byte for byte in piece]


def _pairs(pieces: list[bytes]) -> list[tuple[int, tuple[bytes, bytes]]]:
    return list(enumerate(zip(pieces, pieces[1:], strict=False)))[::-1]  # so that of equal pairs the first one wins


def read_tokens(data: bytes) -> list[bytes]:
    """Read ``tokenizer.bin``: byte strings with their length in front (one byte, or two from 128 on)."""
    pieces, at = list[bytes](), 0
    while at < len(data):
        size, at = data[at], at + 1
        if size >= 128:
            size, at = size - 128 + 128 * data[at], at + 1
        pieces.append(_bytes_of(data[at : at + size]))
        at += size
    return pieces


def _bytes_of(piece: bytes) -> bytes:
    if piece.startswith(b"<<") and piece.endswith(b">>") and len(piece) > 4:
        return b""
    if piece.startswith(b"<0x") and piece.endswith(b">"):
        return bytes.fromhex(piece[3:-1].decode())
    return piece
