"""HTTP on real sockets: addresses, proxies, TLS."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from pyai_voice.errors import ConfigurationError, ConnectivityError, RateLimitError, StalledError
from pyai_voice.exchange import Answer, Timeouts
from pyai_voice.http import HttpClient, tls_context
from pyai_voice.options import Endpoint
from tests.core.http_support import OK, UPLOAD, refusal
from tests.core.scripted_http import CANARY, Peer, answering, hang, scripted

# Addresses


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:99999", "http://" + "a" * 70 + ".localhost"])
async def test_an_address_that_is_none_is_a_configuration_error(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        client = HttpClient(Endpoint(api_key=CANARY, base_url=base_url, insecure=True), window=0.1)
        await client.get("/me")


async def test_a_name_that_nobody_knows_is_a_connectivity_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    client = HttpClient(Endpoint(api_key=CANARY, base_url="https://nobody.invalid"), window=0.1)
    error = await refusal(client)
    assert isinstance(error, ConnectivityError)
    assert "nobody.invalid" in str(error)
    await client.aclose()


# Proxies


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


async def _read(base_url: str, window: float = 0.1) -> Answer:
    client = HttpClient(Endpoint(api_key=CANARY, base_url=base_url, insecure=True), window=window)
    try:
        return await client.get("/me")
    finally:
        await client.aclose()


async def test_the_environments_proxy_is_used(plain_environment: pytest.MonkeyPatch) -> None:
    async with scripted(OK) as proxy:
        plain_environment.setenv("http_proxy", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        assert (await _read("http://pyai.invalid")).json() == {"ok": True}
    assert proxy.requests[0].target == "http://pyai.invalid/v1/me"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


async def test_a_proxy_without_a_scheme_is_http(plain_environment: pytest.MonkeyPatch) -> None:
    async with scripted(OK) as proxy:
        plain_environment.setenv("all_proxy", f"127.0.0.1:{proxy.port}")
        assert (await _read("http://pyai.invalid")).json() == {"ok": True}


async def test_this_machine_is_never_reached_through_a_proxy(plain_environment: pytest.MonkeyPatch) -> None:
    async with scripted(OK) as proxy, scripted(OK) as server:
        plain_environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert (await _read(f"http://127.0.0.1:{server.port}")).json() == {"ok": True}
    assert proxy.connections == 0


async def test_no_proxy_is_obeyed(plain_environment: pytest.MonkeyPatch) -> None:
    async with scripted(OK) as proxy:
        plain_environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        plain_environment.setenv("no_proxy", "pyai.invalid")
        with pytest.raises(ConnectivityError):
            await _read("http://pyai.invalid")
    assert proxy.connections == 0


async def test_a_proxy_of_another_kind_is_named(plain_environment: pytest.MonkeyPatch) -> None:
    plain_environment.setenv("https_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="socks5 proxy for api\\.pyai\\.com"):
        await _read("https://api.pyai.com")


async def test_a_proxy_that_refuses_is_named_and_never_sees_the_key(plain_environment: pytest.MonkeyPatch) -> None:
    async with scripted(answering(407)) as proxy:
        plain_environment.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectivityError, match="proxy refused"):
            await _read("https://pyai.invalid")
    assert proxy.requests[0].method == "CONNECT"
    assert CANARY not in str(proxy.requests[0].headers)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody has signed, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-keyout", str(path), "-out", str(path.with_suffix(".crt"))],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def _server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_that_is_not_trusted_is_refused_at_once(certificate: Path) -> None:
    async with scripted(OK, tls=_server_context(certificate)) as server:
        client = HttpClient(Endpoint(api_key=CANARY, base_url=f"https://127.0.0.1:{server.port}"))
        async with asyncio.timeout(20):
            error = await refusal(client)
        await client.aclose()
    assert isinstance(error, ConnectivityError)
    assert "SSL_CERT_FILE" in str(error)
    assert not error.retryable
    assert not server.requests


async def test_a_private_authority_can_be_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()
    async with scripted(OK, tls=_server_context(certificate)) as server:
        client = HttpClient(Endpoint(api_key=CANARY, base_url=f"https://127.0.0.1:{server.port}"))
        assert (await client.get("/me")).json() == {"ok": True}
        await client.aclose()
    tls_context.cache_clear()


@pytest.mark.conforms("A-12")
async def test_a_reply_during_an_upload_is_heard_through_tls(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reply(peer: Peer) -> None:
        await answering(429, {"error": {"message": "busy"}})(peer)
        peer.writer.close()

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()
    async with scripted(reply, wants_body=False, tls=_server_context(certificate)) as server:
        client = HttpClient(Endpoint(api_key=CANARY, base_url=f"https://127.0.0.1:{server.port}"))
        with pytest.raises(RateLimitError, match="busy"):
            await client.upload("/x", {}, "file", UPLOAD, 10.0)
        await client.aclose()
    tls_context.cache_clear()


async def test_a_handshake_that_never_ends_is_given_up() -> None:
    async with scripted(hang) as server:  # speaks no TLS: it waits for the end of a head that never comes
        endpoint = Endpoint(api_key=CANARY, base_url=f"https://127.0.0.1:{server.port}")
        client = HttpClient(endpoint, Timeouts(connect=0.2), window=0.1)
        error = await refusal(client)
        await client.aclose()
    assert isinstance(error, StalledError)
    assert "No connection" in str(error)
