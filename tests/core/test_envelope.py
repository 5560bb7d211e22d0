"""Error bodies of any shape."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.protocol.envelope import Fault, read_fault


@pytest.mark.conforms("A-07")
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            {"error": {"message": "Rate limit exceeded.", "type": "x", "code": "rate_limit_exceeded", "param": None}},
            Fault("rate_limit_exceeded", "Rate limit exceeded.", None),
        ),
        (
            {
                "type": "https://api.pyai.com/problems/idempotency_conflict",
                "title": "Conflict",
                "status": 409,
                "detail": "other body",
                "request_id": "req_1",
            },
            Fault("idempotency_conflict", "other body", "req_1"),
        ),
        ({"detail": "engine says no"}, Fault("", "engine says no", None)),
        ({"error": "unauthorized"}, Fault("", "unauthorized", None)),
        ({"error": {"message": "audiopod", "type": "t", "param": None}}, Fault("", "audiopod", None)),
    ],
)
def test_both_envelopes_and_their_relatives_are_read(body: object, fault: Fault) -> None:
    assert read_fault(json.dumps(body).encode(), {}) == fault


@pytest.mark.conforms("A-08")
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[1]", b"7", b"\xff\xfe", b'{"error": 7}', b"[" * 5000])
def test_a_body_that_is_not_an_envelope_says_nothing(body: bytes) -> None:
    assert read_fault(body, {"X-Request-ID": "req_2"}) == Fault("", "", "req_2")


@given(st.binary(max_size=60))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    read_fault(body, {})
