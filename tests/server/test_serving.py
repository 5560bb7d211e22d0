"""Listening and addresses."""

from __future__ import annotations

import asyncio
import logging
import socket

import httpx
import pytest

from pyai_voice.errors import ConfigurationError
from pyai_voice.server.serving import bind
from tests.server.conftest import Local, read, serve


async def test_two_servers_in_one_process_have_ports_and_keys_of_their_own() -> None:
    async with serve() as first, serve() as second:
        assert first.server.base_url != second.server.base_url
        assert first.server.api_key != second.server.api_key
        assert (await second.http.get("/v1/models", headers=first.bearer)).status_code == 401


async def test_a_short_answer_does_not_wait_for_an_acknowledgement(local: Local) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(local.server.base_url.rpartition(":")[2]))
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readline()
    transport = local.server.transport(writer.get_extra_info("sockname"))
    assert transport is not None
    accepted: socket.socket = transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()
    await writer.wait_closed()


async def test_a_wildcard_address_is_told_as_loopback() -> None:
    async with serve(listening=bind("0.0.0.0")) as local:
        assert local.server.base_url.startswith("http://127.0.0.1:")
        assert (await local.get("/v1/models")).status_code == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 on this machine")
async def test_ipv6_addresses_are_written_in_brackets() -> None:
    try:
        listening = bind("::1")
    except ConfigurationError:
        pytest.skip("no IPv6 loopback on this machine")
    async with serve(listening=listening) as local:
        assert local.server.base_url.startswith("http://[::1]:")
        assert (await local.get("/v1/models")).status_code == 200
        assert (await local.http.post("/v1/sandbox/keys")).status_code == 201


def test_a_name_that_is_no_address_is_a_clear_error() -> None:
    with pytest.raises(ConfigurationError) as refused:
        bind("no-such-host.invalid")
    assert "no-such-host.invalid" in str(refused.value)


async def test_the_server_logs_no_key_even_when_asked_to_log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serve() as local:
        query = f"protocol=pyai-hear-v1&api_key={local.server.api_key}"
        async with local.stream(query, subprotocols=None, logger=logging.getLogger("test.client.silent")) as socket_:
            await read(socket_)
        async with httpx.AsyncClient(base_url=local.server.base_url, trust_env=False) as http:
            await http.get("/v1/voices", headers=local.bearer)
        ours = [record for record in caplog.records if record.name.startswith(("uvicorn", "pyai_voice", "starlette"))]
        assert not any(local.server.api_key in record.getMessage() for record in ours)
