"""The Omni wire: golden bytes, bounds, and reading what nobody should have sent."""

from __future__ import annotations

import json
from struct import pack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyai_voice.errors import ConfigurationError
from pyai_voice.omni_options import OmniOptions
from pyai_voice.protocol.omni.wire import (
    Audio,
    Control,
    Malformed,
    Words,
    announced_rate,
    audio_message,
    connect_path,
    control_message,
    read_client_message,
    read_server_message,
    words_message,
)

CONFIGURE = bytes.fromhex(
    "03 7b 22 74 79 70 65 22 3a 22 63 6f 6e 66 69 67 75 72 65 22 2c 22 70 65 72 73 6f 6e 61 22 3a 22 68 69 22 7d"
)
DTMF = bytes.fromhex("03 7b 22 74 79 70 65 22 3a 22 64 74 6d 66 22 2c 22 64 69 67 69 74 73 22 3a 22 35 22 7d")
FLUSH = bytes.fromhex(
    "03 7b 22 65 76 65 6e 74 22 3a 22 66 6c 75 73 68 22 2c 22 72 65 61 73 6f 6e 22 3a 22 65 6e 65 72 67 79 22 7d"
)
SAMPLES = bytes.fromhex("01 00 80 00 c0 00 00 ff 3f ff 7f")
DELTA = bytes.fromhex("02 48 69 20 45 76 61")


def words(value: object) -> bytes:
    return b"\x02" + (value if isinstance(value, bytes) else json.dumps(value).encode())


@pytest.mark.conforms("O-02")
def test_messages_are_written_byte_by_byte_as_the_golden_ones() -> None:
    assert control_message({"type": "configure", "persona": "hi"}) == CONFIGURE
    assert control_message({"type": "dtmf", "digits": "5"}) == DTMF
    assert control_message({"event": "flush", "reason": "energy"}) == FLUSH
    assert audio_message(pack("<5h", -32768, -16384, 0, 16383, 32767)) == SAMPLES
    assert words_message("Hi Eva") == DELTA


def test_golden_messages_are_read() -> None:
    assert read_client_message(CONFIGURE) == Control({"type": "configure", "persona": "hi"})
    assert read_client_message(DTMF) == Control({"type": "dtmf", "digits": "5"})
    assert read_server_message(FLUSH) == Control({"event": "flush", "reason": "energy"})
    assert read_client_message(SAMPLES) == read_server_message(SAMPLES) == Audio(SAMPLES[1:])
    assert read_server_message(DELTA) == Words("Hi Eva")


@pytest.mark.conforms("O-03")
def test_an_empty_chunk_is_a_tag_alone_and_half_a_sample_is_refused() -> None:
    assert audio_message(b"") == b"\x01"
    assert read_client_message(b"\x01") == read_server_message(b"\x01") == Audio(b"")
    assert isinstance(read_client_message(b"\x01\x00"), Malformed)
    assert isinstance(read_server_message(b"\x01\x00\x00\x00"), Malformed)


def test_spaces_after_the_separators_are_as_good() -> None:
    loose = b"\x03" + json.dumps({"type": "configure", "persona": "hi"}).encode()
    assert loose != CONFIGURE
    assert read_client_message(loose) == read_client_message(CONFIGURE)


@pytest.mark.conforms("O-05")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a\tb\nc", Words("a\tb\nc")),
        ({"role": "user", "text": "Hi"}, Words("Hi", replaces=True)),
        ({"speaker": "caller", "delta": "Hi"}, Words("Hi")),
        ({"event": "transcript", "role": "assistant", "text": "Yes", "final": True}, Words("Yes", "agent", True, True)),
        ({"role": "agent", "transcript": "Yes", "sequence": 0}, Words("Yes", "agent", True, sequence=0)),
        (b'  {"role": "user", "delta": "x"}', Words("x")),
        ("é" * 4000, Words("é" * 4000)),
    ],
)
def test_words_are_plain_or_json(body: Any, expected: Words) -> None:
    body = body.encode() if isinstance(body, str) else body
    assert read_server_message(words(body)) == expected


@pytest.mark.conforms("O-05")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"bell \x07",
        "c1 \x85".encode(),
        b"{not json",
        b"x" * 4001,
        b" " * 16_385,
        {"role": "user", "text": ""},
        {"role": "user", "text": "x" * 4001},
        {"role": "user", "text": "\ud800"},
        {"role": "robot", "text": "Hi"},
        {"role": 3, "text": "Hi"},
        {"text": "Hi"},
        {"role": "user"},
        {"role": "user", "text": 5},
        {"role": "user", "text": "Hi", "final": "yes"},
        {"role": "user", "text": "Hi", "final": 1},
        {"role": "user", "text": "Hi", "sequence": -1},
        {"role": "user", "text": "Hi", "sequence": True},
        {"role": "user", "text": "Hi", "sequence": 1.5},
        {"type": "transcript", "role": "user", "text": "Hi"},
        {"event": "flush", "role": "user", "text": "Hi"},
    ],
)
def test_words_beyond_the_bounds_are_refused(body: Any) -> None:
    assert isinstance(read_server_message(words(body)), Malformed)


def test_a_failure_in_the_place_of_audio_is_read_and_sound_is_not_mistaken_for_it() -> None:
    assert read_server_message(b'\x01{"detail":"unknown voice"}') == Control({"detail": "unknown voice"})
    sound = b"{" + bytes(range(1, 120))
    assert read_server_message(b"\x01" + sound) == Audio(sound)
    assert read_server_message(b'\x01{"text":"abc"}') == Audio(b'{"text":"abc"}')
    assert read_server_message(b"\x01{}") == Audio(b"{}")


@pytest.mark.parametrize("message", ["", '{"type":"configure"}', b"", b"\x00", b"\x04{}", b"{}", b"\x03", b"\x03[1]"])
def test_what_has_no_tag_or_no_object_is_malformed(message: str | bytes) -> None:
    assert isinstance(read_server_message(message), Malformed)
    assert isinstance(read_client_message(message), Malformed)


def test_an_event_is_bounded_and_a_configure_may_hold_the_longest_persona() -> None:
    long = control_message({"type": "configure", "persona": "é" * 32_000})
    assert isinstance(read_client_message(long), Control)
    assert isinstance(read_server_message(long), Malformed)
    assert isinstance(read_client_message(b"\x03" + b" " * 262_145), Malformed)


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_an_announced_rate_is_one_of_three(rate: int) -> None:
    assert announced_rate(f"pcm16@{rate}") == rate


@pytest.mark.parametrize("said", ["pcm16@48000", "opus@24000", "pcm16@24000 ", "24000", 24000, None, ""])
def test_any_other_announcement_is_none(said: object) -> None:
    assert announced_rate(said) is None


def test_the_address_always_says_format_and_rate_and_a_label_where_there_is_one() -> None:
    def query(**options: Any) -> tuple[str, dict[str, str]]:
        parts = urlsplit(connect_path(OmniOptions(**options)))
        return parts.path, dict(parse_qsl(parts.query))

    assert query() == ("/omni", {"format": "pcm16", "rate": "16000"})
    assert query(rate=8000, session_label="a b&c", query={"region": "eu"}) == (
        "/omni",
        {"format": "pcm16", "rate": "8000", "session_label": "a b&c", "region": "eu"},
    )
    assert query(surface="realtime")[0] == "/realtime"
    assert query(surface="realtime")[1]["model"] == "pyai-omni-realtime"


@pytest.mark.conforms("O-18")
@pytest.mark.parametrize("name", ["agent", "agent_id", "agentId", "model", "access_token", "api_key"])
def test_old_names_of_label_and_key_are_refused_in_the_address(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        OmniOptions(query={name: "x"})


MESSAGES = st.one_of(
    st.text(),
    st.binary(),
    st.builds(lambda tag, body: bytes((tag,)) + body, st.integers(0, 5), st.binary()),
    st.builds(
        lambda tag, value: bytes((tag,)) + json.dumps(value).encode(),
        st.integers(1, 3),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["event", "type", "text", "role"]), inner),
            max_leaves=8,
        ),
    ),
)


@given(MESSAGES)
@example(b"\x03" + b"[" * 100_000)
@example(b"\x02" + b"{" * 16_000)
def test_no_message_makes_it_raise(message: str | bytes) -> None:
    read_server_message(message)
    read_client_message(message)


PLAIN = st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(PLAIN, st.none() | st.booleans() | st.integers() | PLAIN))
def test_a_control_message_comes_back_as_it_went(fields: dict[str, Any]) -> None:
    assert read_client_message(control_message(fields)) == Control(fields)


@given(st.text())
def test_half_a_surrogate_pair_does_no_harm(text: str) -> None:
    assert isinstance(read_client_message(control_message({"type": text})), Control)


def test_a_number_that_json_does_not_have_makes_no_message() -> None:
    assert isinstance(read_client_message(b'\x03{"type": "dtmf", "digits": NaN}'), Malformed)
