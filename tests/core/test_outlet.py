"""The outlet of a stream's events: in order, each once, bounded; and the parts of a connection side by side."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice import loop
from pyai_voice.errors import ConnectivityError, PyAIError
from pyai_voice.outlet import Outlet

RESERVE = 20
"""Events beyond the bound that must be told."""


async def read(outlet: Outlet[str]) -> list[str]:
    """Read to the end."""
    events: list[str] = []
    while (event := await outlet.get()) is not None:
        events.append(event)
    return events


async def test_events_come_in_order_and_then_the_end_again_and_again() -> None:
    outlet = Outlet[str](9)
    assert outlet.put("a") and outlet.put("b")
    outlet.end()
    outlet.end()
    assert [await outlet.get() for _ in range(4)] == ["a", "b", None, None]


async def test_after_the_end_nothing_is_told() -> None:
    outlet = Outlet[str](9)
    outlet.end()
    assert outlet.put("late", must=True)
    assert await outlet.get() is None


async def test_a_reader_waits_for_what_comes_and_loses_nothing_when_it_is_cancelled() -> None:
    outlet = Outlet[str](9)
    reading = asyncio.create_task(outlet.get())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    reading = asyncio.create_task(outlet.get())
    await asyncio.sleep(0)
    outlet.put("a")
    assert await reading == "a"


async def test_more_than_it_holds_is_refused_and_a_little_more_of_what_must_be_told() -> None:
    outlet = Outlet[str](2)
    assert [outlet.put(each) for each in "abc"] == [True, True, False]
    assert [outlet.put("!", must=True) for _ in range(RESERVE + 1)] == [True] * RESERVE + [False]
    outlet.end()
    assert await read(outlet) == ["a", "b", *("!" * RESERVE)]


@given(st.lists(st.one_of(st.text("xyz", min_size=1, max_size=9), st.none()), max_size=60))
def test_what_is_read_or_taken_back_makes_room(steps: list[str | None]) -> None:
    async def play() -> None:
        outlet, waiting = Outlet[str](20, len), list[str]()
        for step in steps:
            if step is not None:
                taken = sum(map(len, waiting)) < 20
                assert outlet.put(step) is taken
                waiting += [step] * taken
            elif waiting:
                assert await outlet.get() == waiting.pop(0)
        outlet.take_back(str)
        assert outlet.put("x" * 20) and not outlet.put("x")

    asyncio.run(play())


async def test_what_is_taken_back_is_not_told() -> None:
    outlet = Outlet[str | int](9)
    for event in ("a", 1, "b", 2):
        outlet.put(event)
    outlet.take_back(int)
    outlet.end()
    assert [await outlet.get() for _ in range(3)] == ["a", "b", None]


# Parts of a connection


async def ends(error: BaseException | None = None) -> None:
    await asyncio.sleep(0)
    if error is not None:
        raise error


async def goes_on(stopped: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        stopped.append("stopped")


@pytest.mark.parametrize("error", [None, ConnectivityError("gone")])
async def test_the_part_that_ends_first_says_why_and_the_rest_is_stopped(error: PyAIError | None) -> None:
    stopped: list[str] = []
    assert await loop.until_first(goes_on(stopped), ends(error), goes_on(stopped)) is error
    assert stopped == ["stopped", "stopped"]


async def test_of_parts_that_end_together_the_first_has_the_word() -> None:
    first, second = ConnectivityError("first"), ConnectivityError("second")
    assert await loop.until_first(ends(first), ends(second)) is first
    assert await loop.until_first(ends(asyncio.CancelledError()), ends(second)) is second


async def test_what_is_no_error_of_the_line_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await loop.until_first(goes_on([]), ends(ZeroDivisionError()))


async def test_whoever_is_cancelled_stops_all_parts() -> None:
    stopped: list[str] = []
    running = asyncio.create_task(loop.until_first(goes_on(stopped), goes_on(stopped)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped == ["stopped", "stopped"]
