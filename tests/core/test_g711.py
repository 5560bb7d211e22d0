"""G.711 against the standard library's own, where Python still has it, and against itself."""

from __future__ import annotations

import struct
import warnings

import pytest

from pyai_voice import g711

EVERY_SAMPLE = struct.pack("<65536h", *range(-32768, 32768))
EVERY_CODE = bytes(range(256))
LAWS: tuple[g711.Law, ...] = ("ulaw", "alaw")


@pytest.mark.parametrize("law", LAWS)
def test_it_agrees_with_the_standard_for_every_sample_and_every_code(law: g711.Law) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    assert g711.encode(EVERY_SAMPLE, law) == getattr(audioop, f"lin2{law}")(EVERY_SAMPLE, 2)
    assert g711.decode(EVERY_CODE, law) == getattr(audioop, f"{law}2lin")(EVERY_CODE, 2)


@pytest.mark.parametrize("law", LAWS)
def test_what_was_decoded_is_coded_as_it_was(law: g711.Law) -> None:
    again = g711.encode(g711.decode(EVERY_CODE, law), law)
    assert g711.decode(again, law) == g711.decode(EVERY_CODE, law)


@pytest.mark.parametrize("law", LAWS)
def test_nothing_is_nothing(law: g711.Law) -> None:
    assert g711.encode(b"", law) == g711.decode(b"", law) == b""
