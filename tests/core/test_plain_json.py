"""JSON from outside: what is read can be written again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.protocol.plain_json import read_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda within: st.lists(within, max_size=3) | st.dictionaries(st.text(max_size=5), within, max_size=3),
)


@given(JSON.map(json.dumps) | st.text() | st.binary())
def test_what_is_read_can_be_written_again_and_all_else_is_a_value_error(text: str | bytes) -> None:
    try:
        value = read_json(text)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def test_half_a_surrogate_pair_becomes_a_question_mark_and_a_whole_one_stays() -> None:
    assert read_json('{"\\ud83d": ["a\\uDE00", "\\ud83d\\ude00", "😀", "\\\\ud83d"]}') == {
        "?": ["a?", "😀", "😀", "\\ud83d"]
    }
    assert read_json('"\\ud83d"', mend=False) == "\ud83d"


@pytest.mark.parametrize(
    "text", ["NaN", "[-Infinity]", "1e999", "[" * 65 + "]" * 65, "[" * 100_000, b"\xff", b'"\xed\xa0\x80"']
)
def test_what_could_not_be_written_again_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_sixty_four_levels_are_read() -> None:
    assert json.dumps(read_json("[" * 64 + "]" * 64)) == "[" * 64 + "]" * 64
