"""The stores in trouble: killed, locked, full. Nothing acknowledged is lost, and nobody sees what is another's."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE
from contextlib import aclosing, closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.errors import ServerError
from pyai_voice.server.openapi import document
from pyai_voice.server.settings import Settings
from pyai_voice.server.state import State
from pyai_voice.server.state.agents import AgentFields
from pyai_voice.server.state.amd import AmdCall
from pyai_voice.server.state.calls import Spoken
from pyai_voice.server.state.database import Database
from pyai_voice.server.state.jobs import JobOptions, JobResult
from tests.server.conftest import Local, serve
from tests.server.fakes import silence, tone

ORG = "org_one"
WAV = wav_bytes(tone(0.4) + silence(0.6), AudioFormat(16000))

_WRITES_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from random import Random
from pyai_voice.server.state import State
from pyai_voice.server.state.agents import AgentFields
from pyai_voice.server.state.calls import Spoken
from pyai_voice.server.state.database import Database
from pyai_voice.server.state.jobs import JobOptions, JobResult
from pyai_voice.server.state.jobs import JobOptions

async def write(state, worker):
    number = 0
    while True:
        agent = await state.agents.create("org_one", AgentFields(name=f"{worker} {number}", persona="x" * 5000))
        print("agent", agent.agent_id, flush=True)
        call = f"call_{worker}_{number}"
        await state.calls.begin("org_one", call)
        for each in range(3):
            await state.calls.note("org_one", call, Spoken(role="agent", text=str(each), start=each, end=each + 1))
            print("said", call, each, flush=True)
        job = await state.jobs.create("org_one", JobOptions(), b"sound" * 10_000, (f"{worker} {number}", "digest"))
        print("job", job.job_id, flush=True)
        number += 1

async def main():
    state = await State.open(Path(sys.argv[1]))
    await asyncio.gather(*(write(state, worker) for worker in range(4)))

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 40, 150])
async def test_a_kill_in_the_middle_loses_nothing_that_was_acknowledged(tmp_path: Path, after: int) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITES_FOR_EVER, str(tmp_path), stdout=PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(50):
        lines = [(await process.stdout.readline()).decode() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        rest, _ = await process.communicate()
    lines += [line for line in rest.decode().splitlines(keepends=True) if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    async with aclosing(await State.open(tmp_path)) as state:
        for kind, identifier, *more in map(str.split, lines):
            if kind == "agent":
                assert (await state.agents.get(ORG, identifier)).persona == "x" * 5000
            elif kind == "said":
                call = await state.calls.get(ORG, identifier)
                assert (call.status, call.end_reason) == ("failed", "server_restart")
                assert call.entries[int(more[0])] == Spoken(
                    role="agent", text=more[0], start=int(more[0]), end=int(more[0]) + 1
                )
            else:
                started = await state.jobs.start(ORG, identifier)
                assert started is not None
                assert started[1] == b"sound" * 10_000
        await state.agents.create(ORG, AgentFields(name="after"))


async def test_a_store_that_another_program_holds_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    async with serve(Settings(data=tmp_path)) as local:
        with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = await local.post("/v1/agents", json={"name": "a"})
            assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "store_locked")
            assert answer.headers["retry-after"]
            other.execute("ROLLBACK")
        assert (await local.get("/v1/agents")).json()["data"] == []
        assert (await local.post("/v1/agents", json={"name": "a"})).status_code == 201


async def test_a_full_disk_is_told_and_what_is_there_can_still_be_read(tmp_path: Path) -> None:
    async with serve(Settings(data=tmp_path)) as local:
        agent = (await local.post("/v1/agents", json={"name": "a"})).json()
        database: Database = local.server.app.state.stores.database
        await database.run(lambda connection: connection.execute("PRAGMA max_page_count = 20"))
        statuses = [(await local.post("/v1/agents", json={"name": "b", "persona": "x" * 30_000})) for _ in range(5)]
        assert [answer.status_code for answer in statuses][-1] == 507
        assert statuses[-1].json()["type"].rpartition("/")[2] == "store_full"
        assert (await local.get(f"/v1/agents/{agent['agent_id']}")).json() == agent


async def test_a_key_for_a_job_that_found_no_room_is_good_for_another_attempt(tmp_path: Path) -> None:
    async with aclosing(await State.open(tmp_path)) as state:
        limited = "PRAGMA max_page_count = {}".format
        await state.database.run(lambda connection: connection.execute(limited(30)))
        with pytest.raises(ServerError) as refusal:
            await state.jobs.create(ORG, JobOptions(), bytes(200_000), ("once", "digest"))
        assert refusal.value.code == "store_full"
        await state.database.run(lambda connection: connection.execute(limited(10_000)))
        made = await state.jobs.create(ORG, JobOptions(), bytes(200_000), ("once", "digest"))
        assert await state.jobs.create(ORG, JobOptions(), b"", ("once", "digest")) == made
        assert (await state.jobs.get(ORG, made.job_id)).status == "queued"


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
async def test_the_recording_goes_with_the_end_of_its_job(tmp_path: Path, end: str) -> None:
    sound = b"canary-sound" * 1000
    async with aclosing(await State.open(tmp_path)) as state:
        job = await state.jobs.create(ORG, JobOptions(), sound)
        await state.jobs.start(ORG, job.job_id)
        assert await recordings(state) == [sound]
        match end:
            case "complete":
                result = JobResult(text="", speakers=None, audio_seconds=1.0, segments=[])
                await state.jobs.complete(ORG, job.job_id, result)
            case "fail":
                await state.jobs.fail(ORG, job.job_id, "no")
            case _:
                await state.jobs.cancel(ORG, job.job_id)
        assert await recordings(state) == [None]


async def recordings(state: State) -> list[bytes | None]:
    query = "SELECT data FROM records WHERE kind = 'job'"
    return [data for (data,) in await state.database.run(lambda connection: connection.execute(query).fetchall())]


async def test_a_damaged_file_is_told_when_the_server_starts(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_bytes(b"SQLite format 3\0" + bytes(5000))
    with pytest.raises(ServerError) as refusal:
        async with serve(Settings(data=tmp_path)):
            pass
    assert refusal.value.code == "store_corrupt"
    assert "The store state.sqlite3 is damaged" in refusal.value.message


@pytest.mark.parametrize("seed", range(8))
async def test_damage_anywhere_is_a_refusal_and_nothing_else(tmp_path: Path, seed: int) -> None:
    async with aclosing(await State.open(tmp_path)) as state:
        for number in range(20):
            await state.agents.create(ORG, AgentFields(name=str(number), persona="x" * 3000))
    damage(tmp_path / "state.sqlite3", Random(seed))
    with suppress(ServerError):
        async with aclosing(await State.open(tmp_path)) as state:
            for work in (state.agents.page(ORG, 100), state.tools.list(ORG), state.keys.mint()):
                with suppress(ServerError):
                    await work


def damage(file: Path, random: Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(20):
        start = random.randrange(100, len(content))
        content[start : start + 16] = random.randbytes(16)
    file.write_bytes(content)


async def test_a_schema_that_cannot_be_read_is_a_damaged_store(tmp_path: Path) -> None:
    async with aclosing(await State.open(tmp_path)):
        pass
    file = tmp_path / "state.sqlite3"
    content = file.read_bytes()
    file.write_bytes(
        content.replace(b"CREATE INDEX records_of", b"CREATE INDEX \xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6")
    )
    with pytest.raises(ServerError) as refusal:
        await State.open(tmp_path)
    assert refusal.value.code == "store_corrupt"


async def test_a_file_of_somebody_else_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (word TEXT)")
    before = (tmp_path / "state.sqlite3").read_bytes()
    with pytest.raises(ServerError) as refusal:
        await State.open(tmp_path)
    assert refusal.value.code == "store_corrupt"
    assert (tmp_path / "state.sqlite3").read_bytes() == before


async def test_a_record_that_cannot_be_read_is_a_damaged_store(tmp_path: Path) -> None:
    async with aclosing(await State.open(tmp_path)) as state:
        agent = await state.agents.create(ORG, AgentFields(name="a"))
    await scribble(tmp_path, "agent")
    async with aclosing(await State.open(tmp_path)) as state:
        with pytest.raises(ServerError) as refusal:
            await state.agents.get(ORG, agent.agent_id)
    assert refusal.value.code == "store_corrupt"
    await scribble(tmp_path, "key")
    with pytest.raises(ServerError) as refusal:
        await State.open(tmp_path)
    assert refusal.value.code == "store_corrupt"


async def scribble(folder: Path, kind: str) -> None:
    with closing(sqlite3.connect(folder / "state.sqlite3", isolation_level=None)) as other:
        spoil = "UPDATE records SET body = json_remove(body, '$.name', '$.key_id') WHERE kind = ?"
        assert other.execute(spoil, (kind,)).rowcount


# -- tenants ----------------------------------------------------------------------------------------


async def populated(local: Local) -> dict[str, str]:
    """Let the owner have one of everything; return the names in paths and the owner's ids."""
    stores = local.server.app.state.stores

    async def post(path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        answer = await local.post(path, json=body, **options)
        assert answer.status_code in (201, 202), answer.text
        return answer.json()

    agent = await post("/v1/agents", {"name": "SECRET agent"})
    tool = await post("/v1/tools", {"name": "SECRET_tool", "webhook_url": "https://tools.example/"})
    base = await post("/v1/knowledgebases", {"name": "SECRET base"})
    written = await post(f"/v1/knowledgebases/{base['id']}/documents", {"name": "SECRET", "text": "SECRET text"})
    clone = (await local.post("/v1/voice/clones", files={"file": ("a.wav", WAV)}, data={"name": "SECRET"})).json()
    job = (await local.post("/v1/transcription/jobs", files={"audio": ("a.wav", WAV)})).json()
    await stores.calls.begin("org_local", "call_SECRET", session_label="SECRET")
    await stores.amd.save("org_local", AmdCall(call_id="amd_SECRET", session_label="SECRET", created_at=1))
    await local.post("/v1/amd/config", json={"webhook_url": "https://SECRET.example/"})
    await local.post("/v1/webhooks/signing-secret")
    rules = [{"rule_id": "SECRET", "kind": "forbidden", "phrases": ["SECRET"]}]
    pack = await post("/v1/trace/rule-packs", {"name": "SECRET", "rules": rules})
    await local.http.put("/v1/recap/crm-config", json={"SECRET": 1}, headers=local.bearer)
    blocked = {"guardrails": {"blocked_phrases": ["SECRET"]}}
    await local.http.put("/v1/trace/config", json=blocked, headers=local.bearer)
    return {
        "agent_id": agent["agent_id"],
        "tool_id": tool["tool_id"],
        "base_id": base["id"],
        "document_id": written["id"],
        "voice_id": clone["id"],
        "job_id": job["job_id"],
        "call_id": "call_SECRET",
        "interaction_id": "call_SECRET",
        "pack_id": pack["pack_id"],
    }


BODIES: dict[str, Any] = {
    "/v1/agents/{agent_id}": {"name": "mine"},
    "/v1/agents/{agent_id}/tools": [],
    "/v1/knowledgebases/{base_id}/documents": {"name": "a", "text": "mine"},
    "/v1/knowledgebases/{base_id}/search": {"query": "SECRET"},
}


async def test_what_is_another_ones_is_not_there(local: Local) -> None:
    ids = await populated(local)
    stranger = {"x-api-key": (await local.server.app.state.stores.keys.mint(("*",), organisation="org_other")).secret}
    before = await everything(local, ids)
    asked = 0
    for path, methods in document()["paths"].items():
        if "{" not in path or path.startswith(("/v1/voices", "/v1/transcription/results")):
            continue
        for call_id in ("call_SECRET", "amd_SECRET") if "{call_id}" in path else ("",):
            address = path.format(**{**ids, "call_id": call_id})
            for method in methods:
                if (method, path) == ("post", "/v1/recap/calls/{call_id}"):
                    continue  # hands in a call of one's own, under any id
                answer = await local.http.request(method, address, json=BODIES.get(path), headers=stranger)
                assert answer.status_code == 404, (method, path, answer.text)
                code = answer.json().get("type", "").rpartition("/")[2] or answer.json()["error"]["code"]
                assert code == "not_found", (method, path)
                asked += 1
    assert asked >= 18
    for path, methods in document()["paths"].items():
        if "{" not in path and "get" in methods:
            answer = await local.http.get(path, headers=stranger)
            assert answer.status_code == 200
            assert "SECRET" not in answer.text, path
            assert not any(identifier in answer.text for identifier in ids.values()), path
    assert await everything(local, ids) == before


async def everything(local: Local, ids: dict[str, str]) -> list[Any]:
    """Return what the owner sees, as soon as the job and the document are done."""
    paths = ["/v1/agents", "/v1/tools", "/v1/knowledgebases", "/v1/voice/clones", "/v1/omni/calls", "/v1/amd/calls"]
    paths += ["/v1/recap/calls", "/v1/recap/crm-config", "/v1/trace/rule-packs", "/v1/trace/config"]
    job = f"/v1/transcription/jobs/{ids['job_id']}"
    written = f"/v1/knowledgebases/{ids['base_id']}/documents/{ids['document_id']}"
    for _ in range(2000):
        statuses = [(await local.get(path)).json()["status"] for path in (job, written)]
        if statuses == ["completed", "indexed"]:
            break
        await asyncio.sleep(0.01)
    return [(await local.get(path)).json() for path in [*paths, job, written, "/v1/amd/config"]]


# -- bad input --------------------------------------------------------------------------------------


async def raw(local: Local, head: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Send a request as it stands; return status and body."""
    host, port = local.server.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{head}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    content = answer.partition(b"\r\n\r\n")[2]
    return int(answer.split()[1]), json.loads(content) if content.startswith(b"{") else {}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/agents/../me",
        "/v1/agents/..%2fme",
        "/v1/agents/%2e%2e/me",
        "/v1//me",
        "/v1/agents//",
        "/v1/voices/..%2f..%2fv1%2fme",
        "/v1/omni/calls/..%5c..",
        "/v1/agents/%00",
        "/v1/agents/%ff%fe",
        "/v1/agents/a%0d%0aX-Evil:%201",
        "/v1/agents/" + "a" * 5000,
        "//evil.example/v1/me",
    ],
)
async def test_tricks_with_paths_lead_nowhere(local: Local, path: str) -> None:
    status, body = await raw(local, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {local.server.api_key}")
    code = body.get("type", "").rpartition("/")[2] or body.get("error", {}).get("code", "")
    assert (status, code) in {(404, "not_found"), (404, "unknown_route")}, body
    assert "X-Evil" not in body


@pytest.mark.parametrize("path", ["/v1/agents", "/v1/tools", "/v1/omni/sessions", "/v1/transcription/jobs"])
async def test_ten_megabytes_of_json_are_refused(local: Local, path: str) -> None:
    answer = await local.post(path, content=b'{"name": "' + b"x" * (10 << 20) + b'"}')
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (413, "payload_too_large")
    assert (await local.get("/v1/me")).status_code == 200


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="file"; filename="a\\"; name=\\"name"',
        'form-data; name="file"; filename="../../etc/passwd"',
        'form-data; name="file"; filename="a\r\nX-Evil: 1"',
        'form-data; name="file"; filename="' + "a" * 20_000 + '"',
        'form-data; name="name"; filename="a.wav"',
        "form-data",
        "",
    ],
)
async def test_tricks_with_forms_make_at_most_a_clone(local: Local, disposition: str) -> None:
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nMe\r\n',
        f"--b\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + WAV + b"\r\n--b--\r\n",
    ]
    headers = {**local.bearer, "Content-Type": "multipart/form-data; boundary=b"}
    answer = await local.http.post("/v1/voice/clones", content=b"".join(parts), headers=headers)
    assert answer.status_code in (201, 400), answer.text
    listed = (await local.get("/v1/voice/clones")).json()["data"]
    assert [clone["name"] for clone in listed] == (["Me"] if answer.status_code == 201 else [])


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Request-Id", "Content-Type"])
async def test_a_header_with_another_one_inside_adds_none(local: Local, header: str) -> None:
    status, _ = await raw(
        local,
        f"POST /v1/transcription/jobs HTTP/1.1\r\nHost: localhost\r\nx-api-key: {local.server.api_key}\r\n"
        f"{header}: a\x0bX-Evil: 1",
        b'{"audio_url": "https://files.example/a.wav"}',
    )
    assert status == 400


async def test_expired_keys_and_missing_scopes_are_told_apart_everywhere(local: Local) -> None:
    keys = local.server.app.state.stores.keys
    expired = (await keys.mint(("*",), days=-1)).secret
    narrow = (await keys.mint(("hear:stream",))).secret
    scoped, served = 0, 0
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            if operation.get("security") == []:
                continue
            address = path.replace("{", "").replace("}", "")
            for key, status, code in ((expired, 401, "unauthorized"), ("", 401, "unauthorized")):
                headers = {"x-api-key": key} if key else {}
                assert outcome(await local.http.request(method, address, headers=headers)) == (status, code), path
            answer = await local.http.request(method, address, headers={"x-api-key": narrow})
            if "description" in operation:
                assert outcome(answer) == (403, "insufficient_scope"), path
                scoped += 1
            else:
                assert answer.status_code in (200, 404), path
                served += 1
    assert scoped > 30
    assert served >= 4


def outcome(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body.get("type", "").rpartition("/")[2] or body["error"]["code"]
