"""What no client should send and no server should say: one clear error, and the bot lives on."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pyai_voice.testing import HearFault, Refuse, Say, spoken

from .caller import SECOND, check_turns, talk
from .canary import Canary
from .conftest import HOSTS, Serve, Start
from .hosts.facts import END, ERROR, Bot
from .test_speak import remainder, same

KEY = "pyai_test_canary_0123456789"

NONSENSE = Say(
    (
        b"\x00\x01\x02",
        "",
        "hello",
        "{",
        "[]",
        "null",
        "12e999999",
        "{}",
        '{"type":7}',
        '{"type":"partial"}',
        '{"type":"partial","text":5,"t_ms":"soon","utterance_id":[]}',
        '{"type":"speech_final","text":null,"grounding":{"a":1}}',
        '{"type":"config_ack","warnings":9,"endpointing_ms":"x"}',
        '{"type":"usage","audio_seconds":"NaN"}',
        '{"type":"tomorrow"}',
        "[" * 5000,
        json.dumps({"type": "x", "deep": "\ud800"}),
    ),
    after_bytes=SECOND,
)

HUGE = Say(("x" * 70_000_000,), after_bytes=SECOND)


@pytest.mark.parametrize("fault", [NONSENSE], ids=["nonsense"])
async def test_nonsense_from_the_server_changes_nothing(serve: Serve, start: Start, fault: HearFault) -> None:
    async with serve(hear=[fault]) as server, start(server) as bot:
        await talk(bot)
        await bot.facts.until(END)
    check_turns(bot.facts)
    assert bot.facts.all(ERROR) == []
    assert len(server.streams) == 1


async def test_a_message_of_70_megabytes_is_one_error(serve: Serve, start: Start) -> None:
    async with serve(hear=[HUGE] * 9) as server, start(server) as bot:
        await talk(bot)
        await bot.facts.until(ERROR)
        await bot.say("Still here.")
    assert len(server.streams) <= 2
    assert same(bot.facts.audio, "Still here.")
    assert "no PyAI server" in described(bot)


def described(bot: Bot) -> str:
    return str(bot.facts.all(ERROR))


@asynccontextmanager
async def stranger(greeting: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server of another kind: it answers everything with this and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"


@pytest.mark.parametrize("greeting", [b"220 mail.example ESMTP\r\n", HTML], ids=["mail", "web"])
async def test_a_server_that_is_not_pyai_is_named(host: str, canary: Canary, greeting: bytes) -> None:
    canary.keys.append(KEY)
    async with stranger(greeting) as address, HOSTS[host](address, KEY) as bot:
        await bot.facts.until(ERROR)
        assert address in described(bot)
        assert "base_url" in described(bot)
        heard = len(bot.facts.all(ERROR))
        await bot.say("Hello.")
        assert len(bot.facts.all(ERROR)) > heard
    for _, value in bot.facts.everything():
        canary.look_at(value)


async def test_an_unknown_voice_is_named_and_the_remedy_too(serve: Serve, start: Start) -> None:
    async with serve() as server, start(server, voice="nobody") as bot:
        await bot.say("Hello.")
        [error] = bot.facts.all(ERROR)
        assert "nobody" in described(bot)
        assert "voices" in described(bot)
        await talk(bot)
        await bot.facts.until(END)
    assert bytes(bot.facts.audio) == b""
    check_turns(bot.facts)


async def test_an_unsupported_language_is_named(serve: Serve, start: Start) -> None:
    async with serve() as server, start(server, language="tlh") as bot:
        await bot.facts.until(ERROR)
        await bot.say("Hello.")
    assert "tlh" in described(bot)
    assert "language" in described(bot)
    assert len(server.streams) <= 2
    assert same(bot.facts.audio, "Hello.")


async def test_100_kilobytes_of_text_are_spoken_in_parts_or_refused(serve: Serve, start: Start) -> None:
    """A framework that cuts text into sentences speaks; it would for an hour, so it is interrupted."""
    async with serve() as server, start(server) as bot:
        saying = asyncio.create_task(bot.say("This goes on and on and on. " * 3700))
        speaking = asyncio.create_task(server.until(lambda: len(server.requests) >= 3))
        await asyncio.wait([saying, speaking], return_when=asyncio.FIRST_COMPLETED)
        speaking.cancel()
        await bot.interrupt()
        await saying
        sent = [request.fields["input"] for request in server.requests]
        assert bot.facts.all(ERROR) or remainder(bytes(bot.facts.audio), *sent) == b""
        bot.facts.audio.clear()
        await bot.say("That was long.")
    assert same(bot.facts.audio, "That was long.")


@pytest.mark.parametrize("host", ["core", "pipecat"], indirect=True)
async def test_half_a_sample_is_carried_over(serve: Serve, start: Start) -> None:
    """LiveKit's frames cannot hold one."""
    async with serve() as server, start(server) as bot:
        await talk(bot, size=639)
        await bot.facts.until(END)
    check_turns(bot.facts)


@pytest.mark.parametrize("host", ["pipecat", "livekit"], indirect=True)
async def test_text_without_a_word_is_no_error(serve: Serve, start: Start) -> None:
    async with serve() as server, start(server) as bot:
        for text in ("...", "?!"):
            await bot.say(text)
        await bot.say("Hello.")
    assert bot.facts.all(ERROR) == []
    assert bytes(bot.facts.audio).lstrip(b"\0").rstrip(b"\0") == spoken("Hello.").rstrip(b"\0")
    assert server.requests[-1].fields["input"] == "Hello."


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "x" * 513], ids=["none", "space", "newline", "long"])
async def test_a_key_that_cannot_be_one_is_refused_at_once(
    host: str, canary: Canary, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="key") as caught:
        async with HOSTS[host]("http://127.0.0.1:9", key):
            pass
    if key:
        canary.keys.append(key)
    canary.look_at(caught.value)


async def test_http_to_another_machine_is_refused_at_once(host: str) -> None:
    with pytest.raises(ValueError, match="https"):
        async with HOSTS[host]("http://192.0.2.1", KEY):
            pass


async def test_a_refusal_says_the_code_and_the_remedy(serve: Serve, start: Start) -> None:
    async with serve(hear=[Refuse(403, "insufficient_scope")] * 9) as server, start(server) as bot:
        await bot.facts.until(ERROR)
    assert "insufficient_scope" in described(bot)
    assert "scope" in described(bot)
    assert len(server.streams) <= 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody has signed, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    return both


async def test_a_certificate_that_nobody_signed_is_refused_at_once(
    host: str, canary: Canary, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    canary.keys.append(KEY)
    async with stranger(HTML, context) as address, HOSTS[host](address, KEY) as bot:
        await bot.facts.until(ERROR)
        assert "SSL_CERT_FILE" in described(bot)
    for _, value in bot.facts.everything():
        canary.look_at(value)
