"""The connect query of the Hear stream, as the server reads it."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.errors import RequestError
from pyai_voice.options import HearOptions
from pyai_voice.protocol.hear.request import StreamRequest, read_request
from pyai_voice.protocol.hear.wire import connect_query

V1 = {"protocol": "pyai-hear-v1"}


def test_what_our_client_sends_is_read_back_as_it_was_meant() -> None:
    options = HearOptions(
        language="en",
        sample_rate=8000,
        interim_results=False,
        endpointing_ms=700,
        vocabulary=("Nguyen", "SKU-99"),
        numerals=True,
        smart_format=False,
        drop_fillers=True,
    )
    assert read_request(dict(parse_qsl(connect_query(options)))) == StreamRequest(
        legacy=False,
        language="en",
        sample_rate=8000,
        interim_results=False,
        endpointing_ms=700,
        vocabulary=("Nguyen", "SKU-99"),
        numerals=True,
        smart_format=False,
        drop_fillers=True,
    )


@pytest.mark.parametrize(("query", "legacy"), [({}, True), ({"protocol": "fusion-v0"}, True), (V1, False)])
def test_without_a_protocol_the_older_wire_is_spoken(query: dict[str, str], legacy: bool) -> None:
    assert read_request(query).legacy is legacy


@pytest.mark.parametrize("language", ["", "auto", "AUTO"])
def test_auto_is_no_language(language: str) -> None:
    assert read_request({**V1, "language": language}).language is None


@pytest.mark.conforms("H-16")
@pytest.mark.parametrize(("asked", "used"), [("49", 50), ("50", 50), ("5000", 5000), ("5001", 5000), ("-3", 50)])
def test_endpointing_is_clamped_with_a_warning(asked: str, used: int) -> None:
    request = read_request({**V1, "endpointing_ms": asked})
    assert request.endpointing_ms == used
    assert bool(request.warnings) is (asked != str(used))


def test_terms_beyond_five_are_warned_of_and_doubles_do_not_count() -> None:
    request = read_request({**V1, "vocabulary": '["a","b"," b ","","c","d","e","f"]'})
    assert request.vocabulary == ("a", "b", "c", "d", "e")
    assert request.warnings == ("vocabulary_truncated: the first 5 of 6 terms are used",)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("protocol", "pyai-hear-v9", "unsupported_parameter"),
        ("encoding", "opus", "unsupported_format"),
        ("channels", "2", "unsupported_parameter"),
        ("sample_rate", "7999", "unsupported_parameter"),
        ("sample_rate", "48001", "unsupported_parameter"),
        ("sample_rate", "fast", "invalid_request"),
        ("sample_rate", "9" * 5000, "invalid_request"),
        ("interim_results", "maybe", "invalid_request"),
        ("numerals", "2", "invalid_request"),
        ("endpointing_ms", "0.3", "invalid_request"),
        ("vocabulary", "Nguyen", "invalid_request"),
        ("vocabulary", '{"a":1}', "invalid_request"),
        ("vocabulary", "[1]", "invalid_request"),
        ("vocabulary", "[" * 100_000, "invalid_request"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(name: str, value: str, code: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_request({**V1, name: value})
    assert refused.value.code == code
    assert refused.value.message.startswith(f"{name}: ")
    assert len(refused.value.message) < 200


@given(st.dictionaries(st.sampled_from([*StreamRequest.__dataclass_fields__, "protocol", "encoding"]), st.text()))
def test_any_query_is_read_or_refused(query: dict[str, str]) -> None:
    try:
        request = read_request(query)
    except RequestError as refused:
        assert refused.code
    else:
        assert 8000 <= request.sample_rate <= 48000
