"""The error tree and its table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice import errors
from pyai_voice.errors import (
    CODES,
    AuthenticationError,
    BillingError,
    Category,
    ConnectivityError,
    PermissionDeniedError,
    PyAIError,
    RateLimitError,
    RequestError,
    ServerError,
    ServiceError,
    close_error,
    rule_for,
    service_error,
)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_class_a_status_and_a_retry_decision(code: str) -> None:
    rule = CODES[code]
    error = service_error("it failed", code=code, status=rule.status, request_id="req_1")
    assert type(error) is rule.error
    assert error.retryable == (rule.error.retryable and rule.retryable)
    assert code in str(error)
    assert "req_1" in str(error)
    assert rule.hint in str(error)
    assert not rule.hint.endswith(".")


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, RequestError, False),
        (401, AuthenticationError, False),
        (402, BillingError, False),
        (403, PermissionDeniedError, False),
        (404, RequestError, False),
        (408, ServerError, True),
        (418, RequestError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (599, ServerError, True),
        (None, ServiceError, False),
        (200, ServiceError, False),
    ],
)
def test_a_bare_status_is_enough(status: int | None, kind: type[PyAIError], retryable: bool) -> None:
    error = service_error("no", status=status)
    assert type(error) is kind
    assert error.retryable is retryable


@pytest.mark.conforms("H-14")
@pytest.mark.parametrize(
    ("close_code", "kind"),
    [
        (1008, AuthenticationError),
        (4401, AuthenticationError),
        (4403, PermissionDeniedError),
        (4429, RateLimitError),
        (1009, RequestError),
        (1011, ServerError),
        (1000, ConnectivityError),
        (1006, ConnectivityError),
        (None, ConnectivityError),
        (4999, ConnectivityError),
    ],
)
def test_close_codes_and_statuses_give_the_same_types(close_code: int | None, kind: type[PyAIError]) -> None:
    assert type(close_error(close_code, "why")) is kind
    assert "why" in str(close_error(close_code, "why"))


def test_a_daily_cap_is_not_retried() -> None:
    assert rule_for("daily_cap_exceeded", 429) is CODES["daily_cap_exceeded"]
    assert service_error("cap", code="daily_cap_exceeded").retryable is False


def test_configuration_errors_are_value_errors() -> None:
    assert issubclass(errors.ConfigurationError, ValueError)
    assert issubclass(errors.StalledError, TimeoutError)


def test_every_exported_error_has_its_own_category_word() -> None:
    kinds = [
        kind
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type) and issubclass(kind, PyAIError)
    ]
    assert len(kinds) >= 14
    assert all(isinstance(kind.category, Category) for kind in kinds)


@given(st.text(max_size=40))
def test_a_key_that_a_server_repeats_is_not_shown(text: str) -> None:
    error = service_error(f"{text} Incorrect key pyai_live_abcdef123456 given {text}")
    assert "abcdef123456" not in str(error) + repr(error)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_what_another_kind_of_server_answers_asks_for_the_address_and_is_not_repeated(status: int) -> None:
    error = service_error("No", status=status)
    assert "base_url" in error.hint
    assert not error.retryable
