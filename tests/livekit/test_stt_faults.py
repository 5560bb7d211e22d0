"""What a speech stream survives, and how it ends when it does not."""

from __future__ import annotations

import asyncio
import logging

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, APITimeoutError
from livekit.agents.stt import STTError

from livekit_pyai import STT
from pyai_voice.options import LinkOptions
from tests.core.scripted import KEY, Peer, Script, answer_commits, scripted, stay

from .helpers import END, FINAL, INTERIM, PREFLIGHT, SECOND, START, Arrivals, all_of, hear, kinds, push, rest, texts

QUICK = APIConnectOptions(max_retry=0, timeout=0.5)
REFUSED = (401, {}, f'{{"error":{{"code":"unauthorized","message":"Unknown key {KEY}"}}}}'.encode())


def told(stt: STT) -> list[STTError]:
    errors: list[STTError] = []
    stt.on("error", errors.append)
    return errors


async def abort(peer: Peer) -> None:
    await peer.hear_audio(SECOND)
    await peer.say(type="partial", text="two oat", utterance_id="u", t_ms=900)
    peer.abort()


async def close_1011(peer: Peer) -> None:
    await peer.hear_audio(SECOND)
    await peer.socket.close(1011, "maintenance")


async def close_1000(peer: Peer) -> None:
    await peer.hear_audio(SECOND)


async def engine_unavailable(peer: Peer) -> None:
    await peer.hear_audio(SECOND)
    await peer.say(type="error", error={"code": "engine_unavailable", "message": "the engine restarts"})
    await stay(peer)


@pytest.mark.parametrize("fault", [abort, close_1011, close_1000, engine_unavailable])
async def test_a_lost_connection_costs_no_audio_and_the_final_comes_once(fault: Script):
    async with scripted(fault, fault, answer_commits) as server, hear(server) as stt, stt.stream() as stream:
        errors = told(stt)
        push(stream, 2.0)
        stream.end_input()
        events = await rest(stream)
        assert texts(events) == [f"{2 * SECOND} bytes"]  # the last connection heard all of it
        assert [kind for kind in kinds(events) if kind is not INTERIM] == [START, PREFLIGHT, FINAL, END]
        assert server.dials == 3
        assert [error.recoverable for error in errors] == [True, True]


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_refused_connects_are_ridden_out(status: int):
    refusals: list[tuple[int, dict[str, str], bytes]] = [(status, {"Retry-After": "1"}, b"")]
    refusals += [(503, {}, b"")] * 3
    async with scripted(answer_commits, refusals=refusals) as server, hear(server) as stt, stt.stream() as stream:
        errors = told(stt)
        push(stream, 1.0)
        stream.end_input()
        assert texts(await rest(stream)) == [f"{SECOND} bytes"]
        assert server.dials == 5
        assert all(error.recoverable for error in errors)


async def test_429_is_dialled_again_when_the_server_said():
    refusals: list[tuple[int, dict[str, str], bytes]] = [(429, {"Retry-After": "2"}, b"")]
    now = asyncio.get_running_loop().time
    async with scripted(answer_commits, refusals=refusals) as server, hear(server) as stt, stt.stream() as stream:
        began = now()
        push(stream, 1.0)
        stream.end_input()
        assert texts(await rest(stream)) == [f"{SECOND} bytes"]
        assert server.dials == 2 and now() - began >= 2.0


async def failure(stream) -> APIError:
    with pytest.raises(APIError) as caught:
        await rest(stream)
    return caught.value


async def test_a_wrong_key_is_one_dial_for_all_streams_and_one_error_each(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    async with scripted(stay, refusals=[REFUSED] * 9) as server, hear(server) as stt:
        errors = told(stt)
        for _ in range(3):
            async with stt.stream() as stream:
                push(stream, 0.1)
                error = await failure(stream)
                assert isinstance(error, APIStatusError)
                assert error.status_code == 401 and not error.retryable and error.body["code"] == "unauthorized"
                assert KEY not in all_of(error)
        assert server.dials == 1
        assert [error.recoverable for error in errors] == [False] * 3
        stt.update_options(language="en")  # a change is worth a dial
        async with stt.stream() as stream:
            await failure(stream)
        assert server.dials == 2
    ours = [record for record in caplog.records if record.name != "websockets.server"]  # that is the test's server
    assert ours and not any(KEY in f"{vars(record)}{record.getMessage()}" for record in ours)


async def test_refused_options_of_one_stream_are_not_held_against_others():
    refused = (400, {}, b'{"error":{"code":"unsupported_language","message":"language: no \'de\'"}}')
    async with scripted(answer_commits, refusals=[refused]) as server, hear(server) as stt:
        for _ in range(2):  # the second one is refused from memory
            async with stt.stream(language="de") as stream:
                push(stream, 0.1)
                assert "no 'de'" in str(await failure(stream))
        assert server.dials == 1
        async with stt.stream(language="en") as stream:
            push(stream, 1.0)
            stream.end_input()
            assert texts(await rest(stream)) == [f"{SECOND} bytes"]


async def test_a_change_in_a_call_that_is_refused_costs_neither_the_stream_nor_a_word():
    refused = (400, {}, b'{"error":{"code":"unsupported_language","message":"language: no \'de\'"}}')
    arrivals = Arrivals()
    async with scripted(arrivals.stay, answer_commits) as server, hear(server) as stt, stt.stream() as stream:
        errors, refusal = told(stt), asyncio.Event()
        stt.once("error", lambda _: refusal.set())
        await arrivals.next()
        push(stream, 0.5)
        server.refusals.append(refused)
        stt.update_options(language="de")
        async with asyncio.timeout(15):
            await refusal.wait()
        push(stream, 0.5)
        stream.end_input()
        assert texts(await rest(stream)) == [f"{SECOND} bytes"]
    assert [(error.recoverable, error.error.body["code"]) for error in errors] == [(True, "unsupported_language")]


@pytest.mark.parametrize("status", [400, 402, 403, 404])
async def test_what_no_retry_can_mend_ends_the_stream_at_once(status: int):
    async with scripted(stay, refusals=[(status, {}, b"")]) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 0.1)
        error = await failure(stream)
        assert isinstance(error, APIStatusError) and error.status_code == status and not error.retryable
        assert server.dials == 1


async def test_an_outage_that_lasts_is_one_connection_error():
    async with scripted(stay) as server:
        pass  # nobody listens there any more
    stt = hear(server)
    errors = told(stt)
    async with stt.stream(conn_options=QUICK) as stream:
        push(stream, 0.1)
        error = await failure(stream)
        assert isinstance(error, APIConnectionError) and not error.retryable
        assert [error.recoverable for error in errors].count(False) == 1
    await stt.aclose()


async def test_a_handshake_that_hangs_is_one_timeout():
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stt = STT(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
    async with server, stt.stream(conn_options=QUICK) as stream:
        push(stream, 0.1)
        assert isinstance(await failure(stream), APITimeoutError)
    await stt.aclose()


async def test_a_server_that_is_not_pyai_is_one_clear_error():
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stt = STT(api_key=KEY, base_url=f"http://127.0.0.1:{port}")
    async with server, stt.stream() as stream:
        push(stream, 0.1)
        assert "base_url" in str(await failure(stream))
    await stt.aclose()


async def test_nonsense_from_the_server_is_survived():
    async def nonsense(peer: Peer) -> None:
        for message in ("", "{", "[1]", '"x"', '{"type":7}', '{"type":"unheard_of"}', b"\x00\x01"):
            await peer.socket.send(message)
        await answer_commits(peer)

    async with scripted(nonsense) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 0.5)
        stream.end_input()
        assert texts(await rest(stream)) == [f"{SECOND // 2} bytes"]


async def test_a_fault_of_ours_is_an_api_error_as_well(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> list:
        raise ZeroDivisionError

    monkeypatch.setattr("livekit_pyai.stream.to_livekit", broken)
    async with scripted(answer_commits) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 0.5)
        stream.flush()
        error = await failure(stream)
        assert type(error) is APIError and "ZeroDivisionError" in str(error) and not error.retryable


async def test_audio_beyond_the_journal_is_reported():
    link = LinkOptions(journal=1.0)
    async with scripted(answer_commits, refusals=[(503, {}, b"")]) as server, hear(server, link=link) as stt:
        errors = told(stt)
        async with stt.stream() as stream:
            push(stream, 3.0)
            stream.end_input()
            assert texts(await rest(stream)) == [f"{SECOND} bytes"]
        assert any("2.0 s of audio" in str(error.error) for error in errors)


async def test_closing_leaves_the_server_at_once():
    arrivals = Arrivals()
    async with scripted(arrivals.stay) as server, hear(server) as stt:
        stream = stt.stream()
        push(stream, 0.1)
        peer = await arrivals.next()
        await stream.aclose()
        await stream.aclose()
        async with asyncio.timeout(5):
            await peer.socket.wait_closed()
