"""The key is nowhere: every fault of HTTP with a canary as key, at DEBUG, looked for in everything that can be read."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pydantic import SecretStr

from pyai_voice.client import Client
from pyai_voice.errors import PyAIError
from pyai_voice.exchange import Timeouts
from pyai_voice.options import Endpoint, SpeakOptions
from pyai_voice.speak import SpeakClient
from tests.core.scripted_http import CANARY, Peer, Reply, answering, hang, hang_up, scripted, speaking


async def _cut(peer: Peer) -> None:
    await peer.head()
    await peer.chunk(b"\x01\x00" * 100)
    peer.abort()


async def _mirror(peer: Peer) -> None:
    """Answer with everything that was sent, the credential included."""
    echo = str(peer.headers)
    await answering(400, {"error": {"message": echo, "code": f"x-{CANARY}"}}, x_request_id=f"req-{CANARY}")(peer)


async def _garbage(peer: Peer) -> None:
    await peer.send(f"{peer.headers['authorization']}\r\n\r\n".encode())


FAULTS: dict[str, Reply] = {
    "refused 401": answering(401, {"error": {"message": "bad key", "code": "unauthorized"}}),
    "refused 429": answering(429, b"", retry_after="100"),
    "server error": answering(500, b"<html>oops</html>", "text/html"),
    "redirect": answering(307, b"", location=f"http://127.0.0.2:1/?key={CANARY}"),
    "mirror": _mirror,
    "garbage": _garbage,
    "hang": hang,
    "hang-up": hang_up,
    "cut": _cut,
    "json": answering(200, {"error": {"message": f"no {CANARY}", "code": "unknown_voice"}}),
    "page": answering(200, b"<html></html>", "text/html"),
    "page that calls itself something odd": answering(200, b"x" * 20, f"text/{CANARY}"),
}


class _Ear(logging.Handler):
    """Keeps every record of every logger, as text, with its exception."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def ear() -> AsyncIterator[_Ear]:
    root, handler = logging.getLogger(), _Ear()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def everything(error: BaseException) -> str:
    """Return all that a log, a debugger or a crash reporter would show of an error."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True, max_group_depth=10)
    fields = {name: repr(value) for name, value in vars(error).items()}
    return "".join(report.format(chain=True)) + repr(error) + str(fields) + repr(pickle.dumps(error))


async def _stream(endpoint: Endpoint) -> None:
    options = SpeakOptions(voice="v")
    async with SpeakClient(endpoint, first_byte_timeout=0.2, gap_timeout=0.2, retry_window=0.1) as client:
        async with client.stream("Hello.", options) as speech:
            async for _ in speech:
                pass


async def _transcribe(endpoint: Endpoint) -> None:
    async with Client(endpoint, retry_window=0.1) as client:
        await client.audio.transcribe(bytes(100_000), rate=16000, timeout=0.3)


async def _read(endpoint: Endpoint) -> None:
    async with Client(endpoint, timeouts=Timeouts(first_byte=0.2, gap=0.2), retry_window=0.1) as client:
        await client.me()


@pytest.mark.conforms("A-06")
@pytest.mark.parametrize("call", [_stream, _transcribe, _read])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_key_is_nowhere(fault: str, call: Callable[[Endpoint], Awaitable[None]], ear: _Ear) -> None:
    async with scripted(FAULTS[fault]) as server:
        endpoint = server.endpoint()
        with pytest.raises(PyAIError) as caught:
            async with asyncio.timeout(30):
                await call(endpoint)
    assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    # the test's own variables hold the canary: look at the frames from the call on
    error = caught.value
    assert error.__traceback__ is not None
    inner = error.with_traceback(error.__traceback__.tb_next)
    assert CANARY not in everything(inner)
    assert ear.lines
    assert not [line for line in ear.lines if CANARY in line]
    assert CANARY not in repr(endpoint)


async def test_the_key_is_nowhere_when_nobody_answers(ear: _Ear) -> None:
    async with scripted(hang) as server:
        endpoint = server.endpoint()
    with pytest.raises(PyAIError) as caught:
        await _stream(endpoint)
    error = caught.value
    assert error.__traceback__ is not None
    assert CANARY not in everything(error.with_traceback(error.__traceback__.tb_next))
    assert not [line for line in ear.lines if CANARY in line]


async def test_the_key_is_in_no_log_of_a_good_call(ear: _Ear) -> None:
    async with scripted(speaking(b"\x01\x00" * 100)) as server:
        await _stream(server.endpoint())
    assert any("httpcore" in line for line in ear.lines)
    assert not [line for line in ear.lines if CANARY in line]


def test_the_key_is_in_no_repr_of_a_client() -> None:
    endpoint = Endpoint(api_key=SecretStr(CANARY))
    for thing in (SpeakClient(endpoint), Client(endpoint)):
        assert CANARY not in repr(thing) + repr(vars(thing))
