"""Who may do what, over real sockets."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import time
from contextlib import aclosing, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from pyai_voice.errors import ConfigurationError, RateLimitError, ServerError
from pyai_voice.server.settings import Settings, prepare_folder
from pyai_voice.server.state import State
from pyai_voice.server.state.database import Database
from pyai_voice.server.state.keys import MOST_KEYS, Key
from pyai_voice.server.state.usage import Usage
from tests.server.conftest import STREAM, Local, read, serve

FORMS: list[Any] = [
    lambda key: {"headers": {"Authorization": f"Bearer {key}"}},
    lambda key: {"headers": {"authorization": f"bearer  {key}"}},
    lambda key: {"headers": {"X-API-Key": key}},
    lambda key: {"params": {"api_key": key}},
    lambda key: {"headers": {"Authorization": f"Bearer {key}", "x-api-key": key}, "params": {"api_key": key}},
]


@pytest.mark.conforms("A-05")
@pytest.mark.parametrize("form", FORMS)
async def test_a_key_is_found_wherever_a_request_may_carry_it(local: Local, form: Any) -> None:
    response = await local.http.get("/v1/me", **form(local.server.api_key))
    assert response.status_code == 200


async def test_a_refused_stream_is_no_error_of_the_server(local: Local, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidStatus):
        async with local.stream(subprotocols=["pyai.v1", "pyai-key.pyai_test_no"]):
            pass
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


@pytest.mark.parametrize("form", FORMS)
async def test_an_unknown_key_is_refused(local: Local, form: Any) -> None:
    response = await local.http.get("/v1/models", **form("pyai_test_no"))
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthorized"
    assert "pyai_test_no" not in response.text


@pytest.mark.conforms("A-05")
async def test_no_key_and_two_keys_are_refused(local: Local) -> None:
    none = await local.http.get("/v1/models")
    assert none.status_code == 401
    assert none.json()["error"]["message"] == "No API key; send one in the Authorization header, as a bearer token"
    both = {**local.bearer, "x-api-key": "pyai_test_other"}
    assert (await local.http.get("/v1/models", headers=both)).status_code == 401
    basic = {"Authorization": f"Basic {local.server.api_key}"}
    assert (await local.http.get("/v1/models", headers=basic)).status_code == 401


async def offered(local: Local, *lines: str, query: str = "") -> tuple[int, list[str]]:
    """Upgrade with raw header lines; return the status and the subprotocols that came back."""
    host, port = local.server.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Host: localhost"]
    head = [f"GET {STREAM}?protocol=pyai-hear-v1{query} HTTP/1.1", *upgrade, "Sec-WebSocket-Key: " + "A" * 22 + "=="]
    writer.write("\r\n".join([*head, *lines, "", ""]).encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    writer.close()
    await writer.wait_closed()
    echoed = [line for line in answer if line.lower().startswith("sec-websocket-protocol:")]
    return int(answer[0].split()[1]), [line.partition(":")[2].strip() for line in echoed]


@pytest.mark.conforms("A-02", "A-03", "A-04")
@pytest.mark.parametrize(
    ("line", "echoed"),
    [
        ("Sec-WebSocket-Protocol: pyai.v1, pyai-key.{key}", ["pyai.v1"]),
        ("Sec-WebSocket-Protocol: pyai.v1,pyai-key.{key}", ["pyai.v1"]),
        ("Sec-WebSocket-Protocol: pyai-key.{key} ,  pyai.v1", ["pyai.v1"]),
        ("Sec-WebSocket-Protocol: pyai.v1\r\nSec-WebSocket-Protocol: pyai-key.{key}", ["pyai.v1"]),
        ("Sec-WebSocket-Protocol: pyai-key.{key}", []),
        ("Authorization: Bearer {key}", []),
        ("x-api-key: {key}", []),
        ("Authorization: Bearer {key}\r\nSec-WebSocket-Protocol: pyai.v1", ["pyai.v1"]),
    ],
)
async def test_only_the_marker_is_ever_echoed(local: Local, line: str, echoed: list[str]) -> None:
    assert await offered(local, line.format(key=local.server.api_key)) == (101, echoed)


@pytest.mark.conforms("A-05")
async def test_the_key_in_the_query_opens_a_stream_and_two_keys_do_not(local: Local) -> None:
    query = f"&api_key={local.server.api_key}"
    assert await offered(local, query=query) == (101, [])
    assert (await offered(local, "x-api-key: pyai_test_other", query=query))[0] == 401
    assert (await offered(local))[0] == 401


async def with_scopes(local: Local, *scopes: str) -> dict[str, str]:
    key: Key = await local.server.app.state.stores.keys.mint(scopes)
    return {"Authorization": f"Bearer {key.secret}"}


@pytest.mark.conforms("A-13")
@pytest.mark.parametrize("scope", ["speak:synthesize", "voice:synthesize", "speak:*", "voice:*", "*"])
async def test_both_generations_of_scopes_and_wildcards_let_speak(local: Local, scope: str) -> None:
    headers = await with_scopes(local, scope)
    response = await local.http.post("/v1/audio/speech", json={"input": "hello"}, headers=headers)
    assert response.status_code == 200


@pytest.mark.conforms("A-13")
@pytest.mark.parametrize("scope", ["hear:*", "speak:clone", "voice", ""])
async def test_another_scope_does_not(local: Local, scope: str) -> None:
    headers = await with_scopes(local, scope)
    response = await local.http.post("/v1/audio/speech", json={"input": "hello"}, headers=headers)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "insufficient_scope"


@pytest.mark.conforms("H-21")
async def test_a_stream_without_its_scope_is_refused_before_the_upgrade(local: Local) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with local.stream(subprotocols=None, additional_headers=await with_scopes(local, "hear:transcribe")):
            pass
    assert refusal.value.response.status_code == 403
    assert json.loads(refusal.value.response.body or b"")["error"]["code"] == "insufficient_scope"


# -- sandbox keys ---------------------------------------------------------------------------------


async def test_a_sandbox_key_works_at_once_for_hear_and_speak(local: Local) -> None:
    response = await local.http.post("/v1/sandbox/keys", json={"label": "demo"})
    made = response.json()
    assert response.status_code == 201
    assert made["object"] == "sandbox.key"
    assert made["base_url"] == local.server.base_url
    key = made["api_key"]
    me = (await local.http.get("/v1/me", headers={"x-api-key": key})).json()
    assert me["key_id"] == made["key_id"]
    assert me["env"] == me["environment"] == "test"
    assert {"hear:transcribe", "hear:stream", "speak:synthesize", "omni:session"} < set(me["scopes"])
    assert not any(scope.startswith(("kb:", "recap:", "trace:")) for scope in me["scopes"])
    assert me["limits"]["daily_unit_cap"] == local.server.app.state.settings.sandbox_cap
    assert me["org_id"] == made["org_id"] != (await local.get("/v1/me")).json()["org_id"]
    async with local.stream(subprotocols=["pyai.v1", f"pyai-key.{key}"]) as socket:
        assert (await read(socket))["type"] == "config_ack"


async def test_every_sandbox_key_is_an_organisation_of_its_own(local: Local) -> None:
    keys = [(await local.http.post("/v1/sandbox/keys")).json() for _ in range(2)]
    first, second = ({"x-api-key": key["api_key"]} for key in keys)
    agent = (await local.http.post("/v1/agents", json={"name": "a"}, headers=first)).json()
    assert (await local.http.get(f"/v1/agents/{agent['agent_id']}", headers=first)).status_code == 200
    assert (await local.http.get(f"/v1/agents/{agent['agent_id']}", headers=second)).status_code == 404
    assert (await local.http.get("/v1/agents", headers=second)).json()["data"] == []


async def test_a_day_has_an_end_and_the_next_one_begins_at_midnight(tmp_path: Path) -> None:
    async with serve(Settings(sandbox_cap=3, data=tmp_path)) as local:
        key = {"x-api-key": (await local.http.post("/v1/sandbox/keys")).json()["api_key"]}
        for _ in range(2):
            assert (await local.http.post("/v1/audio/speech", json={"input": "a"}, headers=key)).status_code == 200
        assert (await local.http.post("/v1/audio/speech", json={"input": ""}, headers=key)).status_code == 400
        async with local.stream(subprotocols=None, additional_headers=key) as socket:
            await read(socket)
        assert (await local.http.get("/v1/me", headers=key)).json()["units_today"] == 3
    async with serve(Settings(sandbox_cap=3, data=tmp_path)) as local:
        refused = await local.http.post("/v1/audio/speech", json={"input": "a"}, headers=key)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "daily_cap_exceeded")
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        with pytest.raises(InvalidStatus) as closed:
            async with local.stream(subprotocols=None, additional_headers=key):
                pass
        assert closed.value.response.status_code == 429
        assert (await local.http.get("/v1/me", headers=key)).json()["units_today"] == 3


async def test_the_units_of_yesterday_are_forgotten() -> None:
    database = await Database.open()
    times = [86_400.0 * 20_000 - 1]
    usage = Usage(database, clock=lambda: times[-1])
    await usage.spend("org", "key", 1)
    with pytest.raises(RateLimitError) as refusal:
        await usage.spend("org", "key", 1)
    assert refusal.value.retry_after == 1
    times.append(86_400.0 * 20_000)
    assert await usage.today("org", "key") == 0
    await usage.spend("org", "key", 1)
    await database.aclose()


@pytest.mark.parametrize(
    "body", [b'{"label":"' + b"x" * 65 + b'"}', b'{"label":3}', b"[]", b"{", b"\xff", b'{"label":"\\u0000"}']
)
async def test_a_sandbox_key_needs_a_sensible_label(local: Local, body: bytes) -> None:
    response = await local.http.post("/v1/sandbox/keys", content=body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"].endswith("/invalid_request")
    assert response.json()["detail"].startswith("label: ")
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Host": "["},
    ],
)
async def test_a_web_page_cannot_ask_for_a_key(local: Local, headers: dict[str, str]) -> None:
    response = await local.http.post("/v1/sandbox/keys", json={}, headers=headers)
    assert response.status_code == 404


async def test_a_page_of_this_machine_can(local: Local) -> None:
    response = await local.http.post("/v1/sandbox/keys", json={}, headers={"Origin": "http://localhost:3000"})
    assert response.status_code == 201


async def test_there_is_an_end_to_sandbox_keys_and_expired_ones_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with aclosing(await State.open(tmp_path)) as state:
        made = [await state.keys.mint() for _ in range(MOST_KEYS - 1)]  # and the owner's
        with pytest.raises(RateLimitError) as refused:
            await state.keys.mint()
        assert (refused.value.code, refused.value.retryable) == ("sandbox_limit_reached", False)
    assert kept_keys(tmp_path) == MOST_KEYS
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 8 * 86400)
    async with aclosing(await State.open(tmp_path)) as state:
        assert kept_keys(tmp_path) == 1
        assert state.keys.find(made[0].secret) is None
        newest = await state.keys.mint()
        assert state.keys.find(newest.secret) is not None
        monkeypatch.setattr(time, "time", lambda: now + 16 * 86400)
        assert state.keys.find(newest.secret) is None
        await state.keys.mint()
        assert kept_keys(tmp_path) == 2


def kept_keys(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "state.sqlite3")) as other:
        return other.execute("SELECT count(*) FROM records WHERE kind = 'key'").fetchone()[0]


async def test_as_many_as_ask_at_once_get_no_more_keys_than_there_may_be() -> None:
    async with aclosing(await State.open()) as state:
        asked = await asyncio.gather(*(state.keys.mint() for _ in range(MOST_KEYS + 5)), return_exceptions=True)
    assert len([each for each in asked if isinstance(each, Key)]) == MOST_KEYS - 1
    assert len([each for each in asked if isinstance(each, RateLimitError)]) == 6


async def test_a_key_is_not_in_its_repr() -> None:
    async with aclosing(await State.open()) as state:
        for key in (state.keys.owner, await state.keys.mint()):
            assert key.secret
            assert key.secret not in repr(key) + str(key)


# -- the folder -----------------------------------------------------------------------------------


async def test_keys_outlive_the_server_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    prepare_folder(folder)
    async with serve(Settings(data=folder)) as local:
        first = local.server.api_key
        made = (await local.http.post("/v1/sandbox/keys")).json()["api_key"]
        modes, everything = kept(folder)
        assert modes == {0o600}
        assert first.encode() in everything  # it is printed again
        assert made.encode() not in everything
    async with serve(Settings(data=folder)) as local:
        assert local.server.api_key == first
        assert (await local.http.get("/v1/me", headers={"x-api-key": made})).status_code == 200


def kept(folder: Path) -> tuple[set[int], bytes]:
    """Return who may read the files of the state, and what is in them."""
    files = list(folder.glob("state.sqlite3*"))
    return {stat.S_IMODE(each.stat().st_mode) for each in files}, b"".join(each.read_bytes() for each in files)


async def test_without_a_folder_nothing_outlives_it(local: Local) -> None:
    async with serve() as other, httpx.AsyncClient(base_url=other.server.base_url, trust_env=False) as http:
        assert (await http.get("/v1/me", headers=local.bearer)).status_code == 401


async def test_a_file_of_keys_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    async with aclosing(await State.open(tmp_path)) as state:
        secret = state.keys.owner.secret
    (tmp_path / "state.sqlite3").chmod(0o644)  # as a copy is
    async with aclosing(await State.open(tmp_path)) as state:
        assert state.keys.owner.secret == secret
        assert kept(tmp_path)[0] == {0o600}


async def test_a_key_that_is_not_on_the_disk_is_not_given_out(tmp_path: Path) -> None:
    async with aclosing(await State.open(tmp_path)) as state:
        with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(ServerError) as refused:
                await state.keys.mint()
        assert refused.value.code == "store_locked"
        await state.keys.mint()
    assert kept_keys(tmp_path) == 2


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("", "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        prepare_folder(path)
    assert str(path) in str(refused.value)


def test_no_folder_needs_no_preparation() -> None:
    prepare_folder(None)
    assert replace(Settings(), max_streams=1).max_streams == 1
