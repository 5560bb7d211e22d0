"""``pyai-voice doctor``: on a server that is well, and on every kind that is not."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from pyai_voice.cli.doctor import account, installed
from pyai_voice.http import tls_context
from pyai_voice.server.engines.load import load_engines
from pyai_voice.testing import FaultyServer, Hang, NoFinal, Refuse
from tests.cli.commands import KEY, Done, Shell
from tests.core.scripted_http import Peer, answering, hang, scripted
from tests.core.test_http_network import certificate as certificate
from tests.server.conftest import Local

Findings = dict[str, dict[str, Any]]
GOOD = {"key_id": "key_1", "status": "active", "scopes": ["*"], "limits": {"concurrency": 2}}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have less said: the whole sentence is for the real engines."""
    for module in ("speak", "hear"):
        monkeypatch.setattr(f"pyai_voice.cli.doctor.{module}.SENTENCE", "good morning")


async def examined(shell: Shell, *arguments: str, status: int = 0) -> Findings:
    """Return what it found, by check."""
    report = (await shell.run("doctor", "--json", *arguments, status=status)).json
    assert report["status"] == "fail" if status else report["status"] in ("pass", "warn")
    found = {each["check"]: each for each in report["findings"]}
    assert len(found) == len(report["findings"])
    assert all(each["remedy"] for each in found.values() if each["status"] == "fail"), found
    return found


def statuses(found: Findings, *checks: str) -> list[str]:
    return [found[check]["status"] for check in checks]


async def test_a_server_that_is_well(shell: Shell) -> None:
    found = await examined(shell)
    well = ("key and address", "DNS", "connection", "TLS", "service", "clock", "account", "scopes for pipecat-pyai")
    assert statuses(found, *well) == ["pass"] * len(well)
    assert statuses(found, "pipecat-pyai", "livekit-plugins-pyai", "proxies") == ["pass"] * 3
    for path in ("/me", "/models", "/voices", "/agents", "/omni/calls", "/transcription/jobs"):
        assert found[f"GET /v1{path}"]["status"] in ("pass", "warn")
        assert found[f"GET /v1{path}"]["seconds"] > 0
    for check in ("Speak, cold", "Speak, warm", "Hear at 16 kHz, first words", "Hear at 8 kHz, first words"):
        assert found[check]["status"] in ("pass", "warn"), found[check]
    for check in ("Hear at 16 kHz, final", "Hear at 8 kHz, final"):
        assert found[check]["status"] == "warn"  # what these engines hear are no words
        assert "understood 0% of the words: 'w1 w2" in found[check]["said"]
    assert statuses(found, "Omni, configure", "streams at once") == ["pass", "pass"]
    assert "3 were taken; 32 are allowed" in found["streams at once"]["said"]


async def test_the_table(shell: Shell) -> None:
    shown = (await shell.run("doctor", "--quick")).stdout
    assert all(word in shown for word in ("GET /v1/voices", "pass", " ms", "0 fail", "not tried: it takes longer"))


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_real_engines_hear_what_they_say() -> None:
    engines = await load_engines()
    async with FaultyServer(engines=engines) as server:
        shell = Shell(server.base_url, server.api_key)
        process = await shell.program("doctor", "--json")
    await engines.aclose()
    found = {each["check"]: each for each in process.json["findings"]}
    for check in ("Hear at 16 kHz, final", "Hear at 8 kHz, final"):
        assert "understood" not in found[check]["said"]
        assert found[check]["status"] in ("pass", "warn")
    assert found["Hear at 16 kHz, first words"]["status"] in ("pass", "warn")


async def test_without_a_key_it_says_how_to_get_a_server() -> None:
    found = await examined(Shell(None, None), status=1)
    assert found["key and address"]["status"] == "fail"
    assert "pyai-voice serve" in found["key and address"]["remedy"]
    assert "Speak, cold" not in found


async def test_what_is_no_key_and_what_is_no_address(local: Local) -> None:
    for shell in (Shell(local.server.base_url, "two words"), Shell("http://example.com", KEY)):
        found = await examined(shell, status=1)
        assert found["key and address"]["status"] == "fail"
        assert "two words" not in str(found)


async def test_a_wrong_key(local: Local) -> None:
    found = await examined(Shell(local.server.base_url, KEY), status=1)
    assert "401" in found["service"]["said"]
    assert "PYAI_API_KEY" in found["service"]["remedy"]
    assert statuses(found, "account", "Speak", "Hear", "Omni", "streams at once") == ["skip"] * 5


async def test_scopes_that_are_missing(local: Local) -> None:
    key = (await local.server.app.state.stores.keys.mint(("hear:stream",))).secret
    found = await examined(Shell(local.server.base_url, key), status=1)
    assert found["scopes for pyai-voice"]["status"] == "fail"
    assert "speak:synthesize" in found["scopes for pyai-voice"]["said"]
    assert statuses(found, "Speak", "Omni", "GET /v1/agents") == ["skip"] * 3
    assert "lacks omni:session" in found["Omni"]["said"]
    assert found["Hear"]["status"] == "warn"
    key = (await local.server.app.state.stores.keys.mint(("hear:stream", "voice:*"))).secret
    found = await examined(Shell(local.server.base_url, key), "--quick")
    assert statuses(found, "scopes for pyai-voice", "scopes for pipecat-pyai") == ["pass", "warn"]


async def test_a_server_that_is_not_pyai() -> None:
    async with scripted(answering(200, b"<html>Welcome</html>", "text/html")) as server:
        found = await examined(Shell(server.endpoint().base_url, KEY), status=1)
    assert found["service"]["status"] == "fail"
    assert "base_url" in found["service"]["remedy"]
    assert found["Omni"]["status"] == "skip"


async def test_a_web_server_that_knows_nothing_of_pyai() -> None:
    async with scripted(answering(404, b"<html>Not Found</html>", "text/html")) as server:
        found = await examined(Shell(server.endpoint().base_url, KEY), status=1)
    assert found["service"]["status"] == "fail"
    assert "not a PyAI server" in found["service"]["remedy"]
    assert found["account"]["status"] == "skip"


async def test_a_port_without_tls() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await examined(Shell(f"https://127.0.0.1:{port}", KEY), status=1)
    assert statuses(found, "connection", "TLS", "account") == ["pass", "fail", "skip"]
    assert "speaks no TLS" in found["TLS"]["said"]
    assert "http and not https" in found["TLS"]["remedy"]


async def test_nobody_there(unused_tcp_port: int) -> None:
    found = await examined(Shell(f"http://127.0.0.1:{unused_tcp_port}", KEY), status=1)
    assert statuses(found, "DNS", "connection", "account") == ["pass", "fail", "skip"]
    assert found["connection"]["said"] == "Connection refused"
    assert "pyai-voice serve" in found["connection"]["remedy"]


async def test_a_name_that_nobody_has() -> None:
    found = await examined(Shell("https://no-such-host.invalid", KEY), status=1)
    assert found["DNS"]["status"] == "fail"
    assert "connection" not in found


async def test_a_certificate_that_nobody_trusts(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with scripted(quick(GOOD), tls=context) as server:
        shell = Shell(f"https://localhost:{server.port}", KEY)
        found = await examined(shell, "--quick", status=1)
        assert statuses(found, "connection", "TLS") == ["pass", "fail"]
        assert "SSL_CERT_FILE" in found["TLS"]["remedy"]
        trusting = ssl.create_default_context(cafile=str(certificate))
        for module in ("pyai_voice.http", "pyai_voice.cli.doctor.network"):
            monkeypatch.setattr(f"{module}.tls_context", lambda: trusting)
        found = await examined(shell, "--quick")
        assert found["TLS"]["said"].startswith("TLSv1.3, the certificate is good for")
    tls_context.cache_clear()


def quick(me: dict[str, Any] | None, skew: float = 0.0) -> Any:
    """Return replies to what ``--quick`` asks; ``me`` None: the service has no ``/v1/me``."""

    async def reply(peer: Peer) -> None:
        path = peer.target.removeprefix("/v1").partition("?")[0]
        missing = {"error": {"code": "unknown_route", "message": "there is no such route"}}
        body: dict[str, Any] = {"data": []} if path != "/me" else missing if me is None else me
        status = 404 if body is missing else 200
        await answering(status, body, date=formatdate(time.time() + skew, usegmt=True))(peer)

    return reply


@pytest.mark.parametrize(
    "fields, status, said",
    [
        ({"status": "revoked"}, "fail", "the key is revoked"),
        ({"org_status": "suspended"}, "fail", "the organisation is suspended"),
        ({"expires_at": 1_600_000_000}, "fail", "expired"),
        ({"expires_at": time.time() + 3 * 86400}, "warn", "expires in 2 days"),
        ({"credit": {"gated": True, "available_cents": 0}}, "fail", "no credit"),
        ({"credit": {"gated": True, "available_cents": 5}}, "pass", "good"),
        (None, "warn", "does not tell"),
    ],
)
async def test_the_account(fields: dict[str, Any] | None, status: str, said: str) -> None:
    async with scripted(quick(None if fields is None else GOOD | fields)) as server:
        found = await examined(Shell(server.endpoint().base_url, KEY), "--quick", status=int(status == "fail"))
    assert found["account"]["status"] == status
    assert said in found["account"]["said"]
    assert ("scopes for pyai-voice" in found) is (fields is not None)


@pytest.mark.parametrize("skew, status", [(0, "pass"), (60, "warn"), (-60, "warn"), (3600, "fail")])
async def test_the_clock(skew: float, status: str) -> None:
    async with scripted(quick(GOOD, skew)) as server:
        found = await examined(Shell(server.endpoint().base_url, KEY), "--quick", status=int(status == "fail"))
    assert found["clock"]["status"] == status


async def test_a_service_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.cli.doctor.examine._PATIENCE", 0.3)
    async with scripted(hang) as server:
        found = await examined(Shell(server.endpoint().base_url, KEY), status=1)
    assert "within 0.3 s" in found["service"]["said"]


async def test_speech_that_fails_and_hearing_that_fails() -> None:
    async with FaultyServer(speak=[Refuse(503, "engine_unavailable")]) as server:
        found = await examined(Shell(server.base_url, server.api_key), status=1)
        assert "engine_unavailable" in found["Speak"]["said"]
        assert found["Hear"]["status"] == "warn"
        server.hear.append(Refuse(403, "insufficient_scope"))
        found = await examined(Shell(server.base_url, server.api_key), status=1)
        assert found["Hear"]["status"] == "fail"
        assert found["Omni, configure"]["status"] == "pass"


async def test_a_final_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyai_voice.cli.doctor.hear._PATIENCE", 1.0)
    async with FaultyServer(hear=[NoFinal(), NoFinal()]) as server:
        found = await examined(Shell(server.base_url, server.api_key), status=1)
    assert statuses(found, "Hear at 16 kHz, final", "Hear at 8 kHz, final") == ["fail", "fail"]


async def test_too_few_streams() -> None:
    async with FaultyServer() as server:
        server.speak.append(Refuse(503, "engine_unavailable"))  # so that Hear opens one stream only
        server.hear.extend([Refuse(426), Refuse(429, "concurrency_limit_exceeded")])
        found = await examined(Shell(server.base_url, server.api_key), status=1)
    assert found["streams at once"]["status"] == "warn"
    assert "2 of 3 were taken" in found["streams at once"]["said"]


def test_proxies_without_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.acme.com:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    said = installed.proxies().said
    assert "HTTPS_PROXY=http://proxy.acme.com:3128" in said
    assert "NO_PROXY=localhost" in said
    assert "secret" not in said


def test_packages_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"pipecat-pyai": "0.1.0", "vapi-pyai": "0.1.0", "livekit-agents": "1.9.0"}

    def version(package: str) -> str:
        return versions.get(package, "")

    def requires(package: str) -> list[str]:
        return ["pyai-voice==0.1.0", "starlette"]

    monkeypatch.setattr(installed, "_version", version)
    monkeypatch.setattr(installed, "requires", requires)
    found = {each.check: each for each in installed.installed()}
    assert (found["pipecat-pyai"].status, found["pipecat-pyai"].remedy) == ("fail", "pip install pipecat-ai")
    assert (found["vapi-pyai"].status, found["livekit-plugins-pyai"].status) == ("fail", "skip")
    assert "twilio-pyai" not in found


def test_every_plugin_has_its_scopes() -> None:
    assert set(account.NEEDS) == {"pyai-voice", *installed.PLUGINS}


async def test_ctrl_c_ends_it_at_once() -> None:
    async with FaultyServer(speak=[Hang()]) as server:
        shell = Shell(server.base_url, server.api_key)
        process = await shell.start("doctor")
        await server.until(lambda: server.requests, 40)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


async def test_wrong_usage() -> None:
    done: Done = await Shell(None, None).run("doctor", "--loud", status=2)
    assert "--loud" in done.stderr
    assert json.loads((await Shell(None, None).run("doctor", "--json", "--quick", status=1)).stdout)["status"] == "fail"
