"""When to try again."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.backoff import HoldOff, Outage, delay, retry_after
from pyai_voice.errors import AuthenticationError, ConnectivityError, RateLimitError
from pyai_voice.options import Endpoint, LinkOptions

NOW = 1_800_000_000.0


@pytest.mark.conforms("A-09")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2"}, 2.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": formatdate(NOW + 7, usegmt=True)}, 7.0),
        ({"Retry-After": "Fri, 15 Jan 2027 08:00:09"}, 9.0),
        ({"Retry-After": formatdate(NOW - 7, usegmt=True)}, 0.0),
        ({"Retry-After-Ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "999999"}, 120.0),
        ({"Retry-After": "-4"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_the_server_is_asked_again_when_it_said(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


def test_a_date_is_read_against_the_clock_of_this_machine() -> None:
    waited = retry_after({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})
    assert waited == 0.0


@given(st.text(max_size=30))
def test_no_header_breaks_the_reader(value: str) -> None:
    seconds = retry_after({"Retry-After": value}, NOW)
    assert seconds is None or 0 <= seconds <= 120


@given(st.integers(0, 10_000))
def test_waits_are_jittered_and_bounded(attempt: int) -> None:
    assert 0 <= delay(attempt, first=0.05, longest=5.0) <= min(5.0, 0.05 * 2 ** min(attempt, 10))


def test_an_outage_ends_when_the_ride_through_is_spent() -> None:
    outage = Outage(LinkOptions(ride_through=30))
    lost = ConnectivityError("gone")
    now, waits = 100.0, 0
    while (wait := outage.next_delay(lost, now)) is not None:
        assert wait <= 5
        now, waits = now + max(wait, 0.01), waits + 1
    assert now >= 130
    assert waits > 6
    outage.over()
    assert outage.next_delay(lost, now) is not None


def test_what_the_server_asks_for_does_not_count_against_the_ride_through() -> None:
    outage = Outage(LinkOptions(ride_through=1))
    busy = RateLimitError("busy", retry_after=20)
    assert outage.next_delay(busy, 0.0) == 20
    assert outage.next_delay(ConnectivityError("gone"), 20.5) is not None
    assert outage.next_delay(ConnectivityError("gone"), 21.5) is None


def test_what_cannot_succeed_is_not_tried_again() -> None:
    assert Outage(LinkOptions()).next_delay(AuthenticationError("no"), 0.0) is None


async def test_all_streams_of_a_key_wait_together() -> None:
    hold_off = HoldOff()
    ours = Endpoint(api_key="k1", base_url="http://127.0.0.1:1")
    other = Endpoint(api_key="k2", base_url="http://127.0.0.1:1")
    hold_off.hold(ours, 0.05)
    hold_off.hold(ours, 0.01)  # a shorter wait does not shorten a longer one
    assert 0.01 < hold_off.remaining(ours) <= 0.05
    assert hold_off.remaining(other) == 0
    async with asyncio.timeout(5):
        await asyncio.gather(*(hold_off.passed(ours) for _ in range(5)))
    assert hold_off.remaining(ours) == 0
    await hold_off.passed(other)  # nothing to wait for


def test_the_key_is_not_visible_in_the_account() -> None:
    hold_off = HoldOff()
    hold_off.hold(Endpoint(api_key="pyai_test_canary", base_url="http://127.0.0.1:1"), 1)
    assert "canary" not in repr(vars(hold_off))
