"""A webhook is believed only with PyAI's signature, in time, and once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pyai_voice import verify_webhook
from pyai_voice.errors import ConfigurationError, WebhookError
from pyai_voice.webhooks import WebhookVerifier, sign_webhook

SECRET = "whsec_test"
BODY = b'{"job_id":"job_1","status":"completed"}'
TIME = 1786000000
DIGEST = "f68c660a584e98c2d5364e1f611f9851cec43a76eccb8d7cc61e2a26b7ac79ec"
HEADER = f"t={TIME},v1={DIGEST}"


def refused(body: Any = BODY, signature: str | None = HEADER, secrets: Any = SECRET, now: float = TIME) -> str:
    with pytest.raises(WebhookError) as refusal:
        verify_webhook(body, signature, secrets, now=now)
    assert SECRET not in str(refusal.value)
    return refusal.value.code


@pytest.mark.conforms("W-01")
def test_the_published_example_is_right() -> None:
    verify_webhook(BODY, HEADER, SECRET, now=TIME)
    assert sign_webhook(BODY, SECRET, now=TIME) == HEADER


@pytest.mark.parametrize("secrets", [SecretStr(SECRET), [SECRET], ["whsec_new", SECRET], ("old", SecretStr(SECRET))])
def test_any_of_the_secrets_may_fit(secrets: Any) -> None:
    verify_webhook(BODY, HEADER, secrets, now=TIME)


def test_any_of_the_signatures_may_fit_while_secrets_are_exchanged() -> None:
    header = sign_webhook(BODY, ["whsec_new", SECRET], now=TIME)
    assert header.count("v1=") == 2
    verify_webhook(BODY, header, SECRET, now=TIME)
    verify_webhook(BODY, header, "whsec_new", now=TIME)
    assert refused(signature=header, secrets="whsec_old") == "wrong_signature"


@pytest.mark.parametrize("seconds", [-300, -1, 0, 299.9, 300])
def test_the_clocks_may_differ_a_little(seconds: float) -> None:
    verify_webhook(BODY, HEADER, SECRET, now=TIME + seconds)


@pytest.mark.parametrize("seconds", [-301, 300.1, 86400])
def test_an_old_one_and_one_of_the_future_are_refused(seconds: float) -> None:
    assert refused(now=TIME + seconds) == "stale_signature"


@pytest.mark.parametrize(
    "signature",
    [
        f"v1={DIGEST}",
        f"t={TIME},t={TIME},v1={DIGEST}",
        f"t={TIME}",
        f"t=,v1={DIGEST}",
        f"t=-1,v1={DIGEST}",
        f"t={TIME}.0,v1={DIGEST}",
        f"t=١٢٣,v1={DIGEST}",
        f"t={TIME},v1={DIGEST[:-1]}",
        f"t={TIME},v1={DIGEST}0",
        f"t={TIME},v1={DIGEST[:-1]}g",
        f"t={TIME},v1={DIGEST},v1=zz",
        f"t={TIME},v0={DIGEST}",
        f"t={TIME};v1={DIGEST}",
        f"sha256={DIGEST}",
        DIGEST,
        f"t={TIME},v1={DIGEST}," + "x" * 5000,
    ],
)
def test_a_signature_that_cannot_be_read_is_refused(signature: str) -> None:
    assert refused(signature=signature) == "malformed_signature"


@pytest.mark.parametrize("signature", [None, ""])
def test_an_unsigned_one_is_refused(signature: str | None) -> None:
    assert refused(signature=signature) == "missing_signature"


def test_a_changed_body_is_refused() -> None:
    assert refused(BODY + b" ") == "wrong_signature"
    assert refused(json.dumps(json.loads(BODY)).encode()) == "wrong_signature"
    assert refused(secrets="whsec_other") == "wrong_signature"
    assert refused(signature=f"t={TIME + 1},v1={DIGEST}") == "wrong_signature"


def test_spaces_and_capitals_do_no_harm() -> None:
    verify_webhook(BODY, f"t={TIME}, v1={DIGEST.upper()}, v2=later", SECRET, now=TIME)


@pytest.mark.parametrize("body", [BODY.decode(), {"job_id": "job_1"}, None])
def test_a_parsed_body_cannot_be_verified(body: Any) -> None:
    with pytest.raises(ConfigurationError, match="bytes"):
        verify_webhook(body, HEADER, SECRET, now=TIME)


@pytest.mark.parametrize("secrets", ["", [], ["", SECRET], SecretStr("")])
def test_without_a_secret_nothing_is_believed(secrets: Any) -> None:
    with pytest.raises(ConfigurationError, match="signing secret"):
        verify_webhook(BODY, HEADER, secrets, now=TIME)


def test_a_delivery_is_taken_once() -> None:
    verifier = WebhookVerifier(["whsec_new", SECRET])
    both = sign_webhook(BODY, ["whsec_new", SECRET], now=TIME)
    verifier.verify(BODY, both, now=TIME)
    for replay in (both, HEADER, sign_webhook(BODY, "whsec_new", now=TIME)):
        with pytest.raises(WebhookError) as refusal:
            verifier.verify(BODY, replay, now=TIME + 200)
        assert refusal.value.code == "replayed"
    verifier.verify(BODY, sign_webhook(BODY, SECRET, now=TIME + 1), now=TIME + 200)


def test_secrets_are_exchanged_while_it_runs() -> None:
    verifier = WebhookVerifier(SECRET)
    verifier.verify(BODY, HEADER, now=TIME)
    verifier.use(["whsec_new", SECRET])
    for number, secret in enumerate(["whsec_new", SECRET]):
        verifier.verify(b"%d" % number, sign_webhook(b"%d" % number, secret, now=TIME), now=TIME)
    verifier.use("whsec_new")
    with pytest.raises(WebhookError, match="another secret"):
        verifier.verify(b"3", sign_webhook(b"3", SECRET, now=TIME), now=TIME)
    with pytest.raises(WebhookError) as refusal:
        verifier.verify(BODY, sign_webhook(BODY, "whsec_new", now=TIME), now=TIME)
    assert refusal.value.code == "replayed"
    with pytest.raises(ConfigurationError):
        verifier.use([])
    verifier.verify(b"4", sign_webhook(b"4", "whsec_new", now=TIME), now=TIME)


def test_a_forged_one_does_not_use_up_the_real_one() -> None:
    verifier = WebhookVerifier(SECRET)
    with pytest.raises(WebhookError):
        verifier.verify(BODY, f"t={TIME},v1={'0' * 64}", now=TIME)
    verifier.verify(BODY, HEADER, now=TIME)


def test_a_delivery_signed_ahead_of_the_clock_cannot_come_again_when_it_is_forgotten() -> None:
    verifier = WebhookVerifier(SECRET)
    verifier.verify(BODY, HEADER, now=TIME - 300)
    for now in range(TIME - 300, TIME + 301, 50):
        with pytest.raises(WebhookError):
            verifier.verify(BODY, HEADER, now=now)


def test_memory_is_bounded_and_frees_itself() -> None:
    verifier = WebhookVerifier(SECRET, most=2)
    for number in range(2):
        verifier.verify(b"%d" % number, sign_webhook(b"%d" % number, SECRET, now=TIME), now=TIME)
    with pytest.raises(WebhookError) as refusal:
        verifier.verify(b"2", sign_webhook(b"2", SECRET, now=TIME), now=TIME)
    assert refusal.value.code == "too_many"
    later = TIME + 601
    verifier.verify(b"2", sign_webhook(b"2", SECRET, now=later), now=later)


@given(body=st.binary(max_size=200), secret=st.text(min_size=1, max_size=40), now=st.integers(0, 10**11))
def test_what_is_signed_is_believed(body: bytes, secret: str, now: int) -> None:
    verify_webhook(body, sign_webhook(body, secret, now=now), secret, now=now)


@given(signature=st.text(max_size=200) | st.from_regex(r"(t=\d+,|v1=[0-9a-f]*,){1,4}"))
def test_nothing_else_is(signature: str) -> None:
    with pytest.raises(WebhookError):
        verify_webhook(BODY, signature, SECRET, now=TIME)
