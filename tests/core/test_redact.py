"""No secret survives in what people read."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.redact import MASK, SecretFilter, clean, register

SECRET = "s3cret~word.of-a_key"
register(SECRET)

around = st.text(max_size=40)


@given(around, around)
def test_a_registered_secret_never_survives(before: str, after: str) -> None:
    assert SECRET not in clean(before + SECRET + after)


@given(
    around,
    st.sampled_from(["pyai_live_", "pyai_test_", "ap_"]),
    st.from_regex(r"[A-Za-z0-9_.~-]{6,40}", fullmatch=True),
)
def test_what_looks_like_a_key_never_survives(before: str, prefix: str, rest: str) -> None:
    assert prefix + rest not in clean(f"{before} {prefix}{rest}")


@given(
    st.sampled_from(["Authorization", "authorization", "X-API-Key", "Sec-WebSocket-Protocol"]),
    st.from_regex(r"[A-Za-z0-9]{8,40}", fullmatch=True),
    st.sampled_from(["{}: {}", "'{}': '{}'", "(b'{}', b'{}')", "{}={}", '"{}": "{}"']),
)
def test_headers_that_carry_a_key_never_survive(name: str, value: str, form: str) -> None:
    cleaned = clean("before " + form.format(name, f"Bearer {value}"))
    assert value not in cleaned
    assert MASK in cleaned
    assert cleaned.startswith("before ")


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="_"), max_size=60))
def test_other_text_stays(text: str) -> None:
    if not any(word in text.lower() for word in ("authorization", "x-api-key", "sec-websocket-protocol")):
        assert clean(text) == text


def test_cleaning_twice_changes_nothing() -> None:
    once = clean(f"authorization: Bearer {SECRET} and pyai_live_0123456789")
    assert clean(once) == once


def test_an_empty_secret_is_not_registered() -> None:
    register("")
    assert clean("plain") == "plain"


def test_the_filter_cleans_records_and_drops_none() -> None:
    record = logging.LogRecord("x", logging.DEBUG, __file__, 1, "headers=%r", ([("x-api-key", SECRET)],), None)
    assert SecretFilter().filter(record)
    assert SECRET not in record.getMessage()
    assert record.getMessage().startswith("headers=")
