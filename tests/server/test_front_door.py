"""The door that fronts share: what it does when all goes well, when it is refused, when it fails, and what it logs."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pyai_voice.errors import ConnectivityError, service_error
from pyai_voice.server.door import Answering, Door, Reply, upstream_error
from pyai_voice.server.limits import Slots
from pyai_voice.server.refusals import error_response
from pyai_voice.server.serving import bind, serving, settle
from pyai_voice.server.settings import Settings

_LOG = logging.getLogger("a_front")


class Lines(logging.Handler):
    """What the door logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, record.getMessage()))


@pytest.fixture
def log() -> Iterator[list[tuple[str, str]]]:
    handler = Lines()
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    yield handler.lines
    _LOG.removeHandler(handler)


@asynccontextmanager
async def front(answering: Answering, places: Slots | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of an application with one door."""
    door = Door("thing", answering, error_response, places or Slots(8, "places"), largest=1024, stall=0.5, log=_LOG)
    app = Starlette(routes=[Route("/", door, methods=["POST"])])
    async with (
        serving(app, Settings(), bind()) as (_, url),
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
    ):
        yield http


async def test_a_whole_answer_and_its_line(log: list[tuple[str, str]]) -> None:
    async def answer(request: Request, reply: Reply) -> None:
        reply.remarks.append("of note")
        await reply.give(PlainTextResponse(await request.body()))

    async with front(answer) as http:
        assert (await http.post("/", content=b"hello")).content == b"hello"
    assert log == [("INFO", "thing 200, of note")]


async def test_an_answer_in_pieces_and_its_line(log: list[tuple[str, str]]) -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.begin("audio/pcm")
        for piece in (b"one", b"two"):
            await reply.write(piece)
        await reply.end()

    async with front(answer) as http:
        response = await http.post("/")
    assert (response.content, response.headers["cache-control"]) == (b"onetwo", "no-store")
    ((level, line),) = log
    assert (level, line[:31]) == ("INFO", "thing 200, 6 bytes, first after")


async def test_what_is_refused_is_answered_and_logged(log: list[tuple[str, str]]) -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await request.body()
        raise upstream_error(ConnectivityError("secret words"), "Service", 502, 3.0)

    async with front(answer) as http:
        response = await http.post("/")
        large = await http.post("/", content=b"x" * 2000)
    assert (response.status_code, response.headers["retry-after"]) == (502, "3")
    assert response.json()["error"]["message"] == "Service: connectivity"
    assert large.status_code == 413
    assert [level for level, _ in log] == ["WARNING", "WARNING"]
    assert log[0][1] == "thing 502, upstream_error: Service: connectivity"


async def test_a_refusal_after_the_beginning_breaks_the_connection(log: list[tuple[str, str]]) -> None:
    async def answer(request: Request, reply: Reply) -> None:
        await reply.begin("audio/pcm")
        await reply.write(b"one")
        raise service_error("lost", code="upstream_error")

    async with front(answer) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post("/")
    ((level, line),) = log
    assert level == "WARNING"
    assert line.startswith("thing 599, 3 bytes, ")
    assert line.endswith("upstream_error: lost")


async def test_a_fault_of_our_own_is_one_line_and_500(log: list[tuple[str, str]]) -> None:
    async def answer(request: Request, reply: Reply) -> None:
        raise ZeroDivisionError

    async with front(answer) as http:
        assert (await http.post("/")).status_code == 500
    assert log == [("WARNING", "thing 500, failed")]


async def test_work_is_cancelled_and_waited_for_when_the_client_goes(log: list[tuple[str, str]]) -> None:
    begun, ended, places = asyncio.Event(), asyncio.Event(), Slots(1, "places")

    async def work(reply: Reply) -> None:
        await reply.begin("audio/pcm")
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # cleaning up takes a while
            ended.set()

    async def answer(request: Request, reply: Reply) -> None:
        await request.body()
        await reply.watched(work(reply))

    async with front(answer, places) as http, asyncio.timeout(20):
        asking = asyncio.create_task(http.post("/"))
        await begun.wait()
        assert (await http.post("/")).status_code == 429
        asking.cancel()
        await asyncio.wait([asking])
        await ended.wait()
    assert not places.taken
    assert [line.split(",")[0] for _, line in log] == ["thing 429", "thing 499"]


async def test_a_client_that_does_not_read_is_given_up(log: list[tuple[str, str]]) -> None:
    done = asyncio.Event()

    async def endless(reply: Reply) -> None:
        await reply.begin("audio/pcm")
        while True:
            await reply.write(bytes(1 << 16))

    async def answer(request: Request, reply: Reply) -> None:
        await request.body()
        try:
            await reply.watched(endless(reply))
        finally:
            done.set()

    async with front(answer) as http, asyncio.timeout(20):
        _reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port, limit=1024)
        writer.write(b"POST / HTTP/1.1\r\nHost: front\r\nContent-Length: 0\r\n\r\n")
        await done.wait()
        writer.transport.abort()
    assert [line.split(",")[0] for _, line in log] == ["thing 499"]


def test_what_a_program_has_loaded_is_not_searched_for_garbage() -> None:
    try:
        settle()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
