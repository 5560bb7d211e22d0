"""The application on a real socket, and a Twilio that calls it as Twilio's pages say: webhook, TwiML, media stream.

The call plays what it is sent in real time, in order, sends marks back when what was before them has been played, and
drops its buffer when told to clear.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import httpx
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from pyai_voice.client import Client
from pyai_voice.omni_options import OmniOptions
from pyai_voice.options import Endpoint
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from twilio_pyai import Access, Agent, CallControl, TwilioOptions, create_app

TOKEN = "twilio_auth_token_canary_0123456"
ACCOUNT = "AC" + "0" * 32
CALLER, NUMBER = "+15550100001", "+15550100002"
FRAME = 160
SILENCE = b"\xff" * FRAME


@dataclass
class Played:
    """What the caller heard, piece by piece: when it began to play, and the sound."""

    at: float
    coded: bytes


@dataclass
class TwilioCall:
    """One call's media stream from Twilio's end."""

    socket: ClientConnection
    call_sid: str
    stream_sid: str = "MZ" + "1" * 32
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Everything that the application sent."""
    cleared_at: list[int] = field(default_factory=list)
    """How many messages there were at each clear."""
    heard: list[Played] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str = ""
    _buffer: deque[bytes | str] = field(default_factory=deque)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _count: int = 0

    async def send(self, event: str, **more: Any) -> None:
        self._count += 1
        said = {"event": event, "sequenceNumber": str(self._count), "streamSid": self.stream_sid, **more}
        await self.socket.send(json.dumps(said))

    async def begin(self, parameters: dict[str, str] | None = None, **start: Any) -> None:
        await self.socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        described = {
            "accountSid": ACCOUNT,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters or {},
        }
        await self.send("start", start=described | start)

    async def speak(self, coded: bytes, *, paced: bool = True) -> None:
        """Send the caller's sound in real time, 20 ms a message."""
        due = now()
        for number, at in enumerate(range(0, len(coded), FRAME)):
            payload = base64.b64encode(coded[at : at + FRAME]).decode()
            told = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(20 * number), "payload": payload}
            await self.send("media", media=told)
            due += 0.02
            await asyncio.sleep(max(0.0, due - now()) if paced else 0)

    async def press(self, digit: str) -> None:
        await self.send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def hang_up(self) -> None:
        with suppress(ConnectionClosed):
            await self.send("stop", stop={"accountSid": ACCOUNT, "callSid": self.call_sid})
        await self.socket.close()

    def sound(self) -> bytes:
        """Return all that the application sent to be played."""
        return b"".join(base64.b64decode(each["media"]["payload"]) for each in self.of("media"))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.messages if each["event"] == event]

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until something is true of what was sent or heard."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def more(self) -> None:
        """Wait for another message."""
        seen = len(self.messages)
        await self.until(lambda: len(self.messages) > seen)

    async def all_heard(self) -> None:
        """Wait until everything that was sent so far has been heard."""
        await self.until(lambda: not self._buffer)

    async def ended(self, seconds: float = 20.0) -> int | None:
        """Wait until the application has closed the stream; return the close code."""
        await self.until(lambda: self.close_code is not None, seconds)
        return self.close_code

    # Twilio's own work

    async def run(self) -> None:
        """Read what the application sends, and play it."""
        playing = asyncio.create_task(self._play())
        try:
            async for message in self.socket:
                assert isinstance(message, str), "the application sent a binary frame"
                await self._take(json.loads(message))
        except ConnectionClosed:
            pass
        finally:
            self.close_code, self.close_reason = self.socket.close_code, self.socket.close_reason or ""
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            self._changed.set()

    async def _take(self, message: dict[str, Any]) -> None:
        assert message["streamSid"] == self.stream_sid
        self.messages.append(message)
        match message["event"]:
            case "media":
                assert message.keys() == {"event", "streamSid", "media"}
                coded = base64.b64decode(message["media"]["payload"], validate=True)
                assert coded
                self._buffer.append(coded)
            case "mark":
                self._buffer.append(message["mark"]["name"])
            case "clear":
                self.cleared_at.append(len(self.messages))
                marks = [each for each in self._buffer if isinstance(each, str)]
                self._buffer.clear()
                for name in marks:
                    await self._echo(name)
            case event:
                raise AssertionError(f"31924: Twilio does not know {event}")
        self._more.set()
        self._changed.set()

    async def _play(self) -> None:
        ends_at = now()
        while True:
            while not self._buffer:
                self._more.clear()
                await self._more.wait()
                ends_at = max(ends_at, now())
            piece = self._buffer.popleft()
            if isinstance(piece, str):
                await self._echo(piece)
                self._changed.set()
                continue
            ends_at += len(piece) / 8000
            self.heard.append(Played(now(), piece))
            self._changed.set()
            await asyncio.sleep(max(0.0, ends_at - now()))

    async def _echo(self, name: str) -> None:
        with suppress(ConnectionClosed):
            await self.send("mark", mark={"name": name})


@dataclass
class Twilio:
    """Twilio's side of the house."""

    url: str
    """Where the application is."""
    public: str
    """Its address as Twilio knows it; "" where that is the same."""
    token: str
    http: httpx.AsyncClient

    def sign(self, url: str, form: dict[str, str] | None = None) -> str:
        return RequestValidator(self.token).compute_signature(url, form or {})

    async def ask(self, call_sid: str = "CA" + "2" * 32, **headers: str) -> httpx.Response:
        """Ask the webhook what to do with a call."""
        form = {
            "AccountSid": ACCOUNT,
            "CallSid": call_sid,
            "CallStatus": "ringing",
            "Direction": "inbound",
            "From": CALLER,
            "To": NUMBER,
        }
        headers = headers or {"X-Twilio-Signature": self.sign(f"{self.public or self.url}/voice", form)}
        return await self.http.post("/voice", data=form, headers=headers)

    def socket(self, address: str = "", **options: Any) -> connect:
        """Open the media stream as Twilio does, with its signature."""
        address = address or f"ws{(self.public or self.url).removeprefix('http')}/media"
        options.setdefault("additional_headers", {"X-Twilio-Signature": self.sign(address)})
        if self.public:
            address = address.replace(f"ws{self.public.removeprefix('http')}", f"ws{self.url.removeprefix('http')}")
        return connect(address, compression=None, **options)

    @asynccontextmanager
    async def call(self, call_sid: str = "CA" + "2" * 32, *, start: bool = True) -> AsyncIterator[TwilioCall]:
        """Call the number: ask the webhook, do what its TwiML says."""
        twiml = ElementTree.fromstring((await self.ask(call_sid)).text)
        stream = twiml.find("./Connect/Stream")
        assert stream is not None
        parameters = {each.attrib["name"]: each.attrib["value"] for each in stream.iter("Parameter")}
        async with self.socket(stream.attrib["url"]) as socket:
            call = TwilioCall(socket, call_sid)
            running = asyncio.create_task(call.run())
            try:
                if start:
                    await call.begin(parameters)
                yield call
            finally:
                await socket.close()
                await running


@asynccontextmanager
async def house(
    endpoint: Endpoint,
    agent: Agent | None = None,
    options: TwilioOptions | None = None,
    *,
    access: Access | None = None,
    public: str = "",
    control: CallControl | None = None,
    **more: Any,
) -> AsyncGenerator[Twilio]:
    """Serve the application in front of PyAI."""
    options = options or TwilioOptions()
    async with aclosing(Client(endpoint)) as client:
        app = create_app(
            access or Access(TOKEN, public_url=public), agent or OmniOptions(), client, options, control=control, **more
        )
        settings = Settings(max_message=options.max_message)
        async with (
            serving(app, settings, bind()) as (_, url),
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
        ):
            yield Twilio(url, public, TOKEN, http)


class Lines(logging.Handler):
    """The lines of a log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._more.set()

    async def until(self, beginning: str) -> None:
        """Wait for a line that begins so."""
        async with asyncio.timeout(10):
            while not any(line.startswith(beginning) for line in self.lines):
                self._more.clear()
                await self._more.wait()


def now() -> float:
    return asyncio.get_running_loop().time()
