"""The link over a real socket: what a listener gets, in which order, and how its own errors and the server's end it."""

from __future__ import annotations

import asyncio
import gc
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from pyai_voice.errors import ConnectivityError, ProtocolError, PyAIError, ServiceError
from pyai_voice.link import Link, Message, websocket
from pyai_voice.options import Endpoint, LinkOptions

from .scripted import KEY

Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def linked(talk: Talk, **options: float) -> AsyncIterator[Link]:
    """Open a link to a server that does this and then closes."""
    async with (
        serve(talk, "127.0.0.1", 0, subprotocols=[Subprotocol("pyai.v1")], close_timeout=0.2) as server,
        asyncio.timeout(20),
    ):
        port = server.sockets[0].getsockname()[1]
        endpoint = Endpoint(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
        link = await websocket(endpoint.websocket_url("/"), endpoint, LinkOptions(**options))
        try:
            yield link
        finally:
            await link.close()


class Heard(list[Message]):
    """Takes messages until the last word."""

    def __call__(self, message: Message) -> bool:
        self.append(message)
        return message != "last"


def raw(socket: ServerConnection, data: bytes) -> None:
    socket.transport.write(data)


def frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """Return a frame as a server sends it."""
    assert len(data) < 126
    return struct.pack("!BB", opcode | 0x80 * fin, len(data)) + data


async def until_gone(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def test_messages_come_in_order_whether_they_were_there_before_the_listener_or_not() -> None:
    listening = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        for number in range(50):
            await socket.send(f"early {number}")
        await listening.wait()
        for number in range(50):
            await socket.send(f"late {number}")
        await socket.send("last")
        await until_gone(socket)

    async with linked(talk) as link:
        heard = Heard()
        hearing = asyncio.ensure_future(link.listen(heard))
        listening.set()
        await hearing
    assert heard == [*(f"early {n}" for n in range(50)), *(f"late {n}" for n in range(50)), "last"]


async def test_nothing_is_read_ahead_of_a_listener() -> None:
    sent = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal sent
        for _ in range(40):
            await socket.send(bytes(900_000))
            sent += 1
        await socket.send("last")
        await until_gone(socket)

    async with linked(talk) as link:
        before = -1
        while before < sent:  # until the server can send no more
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 40
        heard = Heard()
        await link.listen(heard)
    assert [len(message) for message in heard] == [*[900_000] * 40, 4]


async def test_fragments_with_pings_in_between_are_one_message_however_they_are_cut() -> None:
    words = '{"text":"Grüße, 你好 \N{WAVING HAND SIGN}"}'
    chance = random.Random(7)

    async def talk(socket: ServerConnection) -> None:
        data = words.encode()
        for size in (1, 2, 3, 7, 100):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            wire = frame(1, b"", fin=False)
            wire += b"".join(frame(0, piece, fin=False) + frame(9, b"ping") for piece in pieces) + frame(0, b"")
            while wire:
                cut = chance.randint(1, 20)
                raw(socket, wire[:cut])
                wire = wire[cut:]
                await asyncio.sleep(0)
        raw(socket, frame(2, b"pcm", fin=False) + frame(0, b"16"))
        await socket.send("last")
        await until_gone(socket)

    async with linked(talk) as link:
        heard = Heard()
        await link.listen(heard)
    assert heard == [*[words] * 5, b"pcm16", "last"]


async def test_what_came_before_the_close_is_heard_before_its_error() -> None:
    async def talk(socket: ServerConnection) -> None:
        raw(socket, frame(1, b"one") + frame(1, b"two") + frame(8, struct.pack("!H", 1011) + b"overloaded"))
        await until_gone(socket)

    async with linked(talk) as link:
        heard = Heard()
        with pytest.raises(ServiceError, match="overloaded"):
            await link.listen(heard)
    assert heard == ["one", "two"]


async def test_what_came_before_an_abort_is_heard_before_its_error() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send("one")
        socket.transport.abort()

    async with linked(talk) as link:
        heard = Heard()
        with pytest.raises(ConnectivityError):
            await link.listen(heard)
    assert heard in ([], ["one"])  # a reset may overtake it in the kernel


async def test_a_link_that_is_gone_already_says_so() -> None:
    async def talk(socket: ServerConnection) -> None:
        await until_gone(socket)

    async with linked(talk) as link:
        link.abort()
        with pytest.raises(ConnectivityError):
            await link.listen(Heard())


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (frame(1, b"\xff\xfe"), "invalid start byte"),
        (frame(1, b"\xe4", fin=False) + frame(0, b"x"), "invalid continuation byte"),
        (frame(0, b"no beginning"), "unexpected continuation"),
        (frame(3, b"no such kind"), "invalid opcode"),
        (struct.pack("!BBQ", 0x82, 127, 70_000_000), "70000000"),
    ],
)
async def test_a_message_that_breaks_the_rules_is_one_error_after_what_was_right(bad: bytes, why: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        raw(socket, frame(1, b"right") + bad)
        await until_gone(socket)

    async with linked(talk) as link:
        heard = Heard()
        with pytest.raises(ProtocolError, match=f"no PyAI server.*{why}") as raised:
            await link.listen(heard)
    assert heard == ["right"]
    assert raised.value.__context__ is None


async def test_a_text_that_is_no_text_is_answered_with_its_close_code() -> None:
    codes = asyncio.Queue[int | None]()

    async def talk(socket: ServerConnection) -> None:
        raw(socket, frame(1, b"\xff"))
        await until_gone(socket)
        codes.put_nowait(socket.close_code)

    async with linked(talk) as link:
        with pytest.raises(ProtocolError):
            await link.listen(Heard())
        assert await codes.get() == 1007


@pytest.mark.parametrize(
    "error", [PyAIError("enough"), RuntimeError("a defect"), UnicodeDecodeError("u", b"", 0, 1, "x")]
)
async def test_what_a_listener_raises_ends_the_listening_and_the_link_can_be_closed(error: Exception) -> None:
    goodbyes = asyncio.Queue[int | None]()

    async def talk(socket: ServerConnection) -> None:
        raw(socket, frame(1, b"one") + frame(1, b"two"))
        await until_gone(socket)
        goodbyes.put_nowait(socket.close_code)

    def refuse(message: Message) -> bool:
        heard.append(message)
        raise error

    heard: list[Message] = []
    async with linked(talk) as link:
        with pytest.raises(type(error)) as raised:
            await link.listen(refuse)
        assert raised.value is error
        await link.close()
        assert await goodbyes.get() == 1000
    assert heard == ["one"]


async def test_a_listener_that_has_enough_hears_no_more() -> None:
    async def talk(socket: ServerConnection) -> None:
        raw(socket, frame(1, b"last") + frame(1, b"too late"))
        await until_gone(socket)

    async with linked(talk) as link:
        heard = Heard()
        await link.listen(heard)
    assert heard == ["last"]


async def test_listening_that_is_cancelled_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(socket: ServerConnection) -> None:
        async for word in socket:
            await socket.send(word)
            echoed.set()

    echoed = asyncio.Event()

    async with linked(talk) as link:
        heard = Heard()
        hearing = asyncio.ensure_future(link.listen(heard))
        await asyncio.sleep(0)
        hearing.cancel()
        await asyncio.wait([hearing])
        await link.send("last")
        await echoed.wait()
    gc.collect()
    assert hearing.cancelled()
    assert heard == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_server_that_answers_no_ping_is_found_while_listening() -> None:
    async def talk(socket: ServerConnection) -> None:
        socket.transport.pause_reading()  # type: ignore[attr-defined] - a transport that can be paused
        await until_gone(socket)

    async with linked(talk, ping=0.2) as link:
        with pytest.raises(ConnectivityError):
            await link.listen(Heard())


async def test_the_listener_may_send() -> None:
    async def talk(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with linked(talk) as link:
        counts = list[str]()

        def reply(message: Message) -> bool:
            assert isinstance(message, str)
            counts.append(message)
            if len(counts) < 20:
                link.send_now(f"{len(counts)}")
            return len(counts) < 20

        link.send_now("0")
        await link.listen(reply)
    assert counts == [str(number) for number in range(20)]
