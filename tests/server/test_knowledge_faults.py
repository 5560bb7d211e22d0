"""A store in trouble: killed, locked, full, damaged. One clear error each, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from pyai_voice.errors import ConfigurationError, RequestError, ServerError
from pyai_voice.server.knowledge import Chunk, StoredDocument, Vectors
from pyai_voice.server.knowledge.facade import Knowledge, Progress
from pyai_voice.server.knowledge.opening import open_store
from pyai_voice.server.knowledge.preparation import pack
from pyai_voice.server.knowledge.reader import Reader
from pyai_voice.server.knowledge.sqlite import SqliteStore

ORG = "org_one"
TEXT = b"A professional cleaning costs 80 euros.\n"


@asynccontextmanager
async def opened(where: str | Path | None) -> AsyncIterator[Knowledge]:
    knowledge = await Knowledge.open(where)
    try:
        yield knowledge
    finally:
        await knowledge.aclose()


@asynccontextmanager
async def program(text: str, *arguments: str, outside: Sequence[str] = ()) -> AsyncIterator[Process]:
    """Run a Python program beside the test, by the command ``outside``; it is killed at the end."""
    command = (*outside, sys.executable, "-c", text, *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stdin=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode().strip()


# -- killed -----------------------------------------------------------------------------------------

_INDEXES_FOR_EVER = """
import asyncio, sys
from pyai_voice.server.knowledge.facade import Knowledge

def tell(progress):
    if progress.done:
        print("indexing", flush=True)

async def main():
    knowledge = await Knowledge.open(sys.argv[1], progress=tell)
    base = await knowledge.create("org_one", "Clinic")
    for number in range(3):
        text = "\\n\\n".join(f"Treatment {number} variant {each} costs {each} euros." for each in range(4000))
        stored = await knowledge.add("org_one", base.id, f"{number}.txt", text.encode(), "text/plain")
        print(base.id, stored.id, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_kill_in_the_middle_of_indexing_loses_nothing(tmp_path: Path) -> None:
    acknowledged: list[list[str]] = []
    async with program(_INDEXES_FOR_EVER, str(tmp_path / "k.sqlite3")) as process:
        while (said := await line(process)) != "indexing" or len(acknowledged) < 3:
            if said != "indexing":
                acknowledged.append(said.split())
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with opened(tmp_path / "k.sqlite3") as knowledge:
        for base, document in acknowledged:
            stored = await knowledge.status(ORG, base, document)
            assert (stored.status, stored.chunks > 0) in {("pending", False), ("indexed", True)}
        async with asyncio.timeout(60):
            await knowledge.settled()
        for number, (base, document) in enumerate(acknowledged):
            stored = await knowledge.status(ORG, base, document)
            assert stored.status == "indexed"
            hits = await knowledge.search(ORG, f"treatment {number}", base, 20, None)
            assert document in {hit.document for hit in hits}


_KILLS_ITSELF = """
import asyncio, os, signal, sys
from pyai_voice.server.knowledge import Chunk
from pyai_voice.server.knowledge.embedding import load_embedder
from pyai_voice.server.knowledge.opening import open_store

def chunks():
    for number in range(20):
        if number == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        yield Chunk(f"Half of it {number}", "", number)

class Dying(list):
    def __iter__(self):
        return chunks()

async def main():
    store = await open_store(sys.argv[1])
    base = await store.create_base("org_one", "Clinic")
    stored = await store.add_document("org_one", base.id, "a", "text/plain", b"Half of it")
    print(base.id, stored.id, flush=True)
    await store.index(stored.id, Dying([None] * 20), load_embedder().embed(["Half of it"] * 20))

asyncio.run(main())
"""


async def test_a_process_killed_inside_the_write_leaves_no_half_document(tmp_path: Path) -> None:
    path = str(tmp_path / "k.sqlite3")
    async with program(_KILLS_ITSELF, path, "10") as process:
        base, document = (await line(process)).split()
        assert await process.wait() == -signal.SIGKILL
    store = await open_store(path)
    try:
        assert await store.pending() == [document]
        assert (await store.base(ORG, base)).chunks == 0
        found = await store.read(document)
        assert found is not None
        assert found[1] == b"Half of it"
    finally:
        await store.aclose()


# -- locked -----------------------------------------------------------------------------------------

_LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
"""


async def test_a_store_that_another_process_locked_is_one_error_and_goes_on_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "k.sqlite3"
    async with opened(path) as knowledge:
        base = (await knowledge.create(ORG, "Clinic")).id
        stored = await knowledge.add(ORG, base, "a.txt", TEXT, "text/plain")
        await knowledge.settled()
        async with program(_LOCKS, str(path)) as process:
            assert await line(process) == "locked"
            with pytest.raises(ServerError) as refusal:
                await knowledge.add(ORG, base, "b.txt", b"lost?", "text/plain")
            assert (refusal.value.code, refusal.value.status, refusal.value.retryable) == ("store_locked", 503, True)
            assert len(await knowledge.search(ORG, "cleaning", budget=None)) == 1  # readers are not held up
            assert process.stdin is not None
            process.stdin.write(b"\n")
            assert await line(process) == "free"
        added = await knowledge.add(ORG, base, "b.txt", b"Parking is free.", "text/plain")
        await knowledge.settled()
        assert [each.id for each in await knowledge.documents(ORG, base)] == [stored.id, added.id]


async def test_a_store_that_is_locked_for_good_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "k.sqlite3"
    async with opened(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServerError) as refusal:
            await open_store(path)
    assert refusal.value.code == "store_locked"


# -- full -------------------------------------------------------------------------------------------


class SmallDisk(SqliteStore):
    """A store whose file may not grow beyond so many pages: SQLite says the same as on a full disk."""

    def limit(self, pages: int) -> None:
        for connection in self._connections:
            connection.execute(f"PRAGMA max_page_count = {pages}")


async def test_a_full_disk_is_one_error_and_loses_nothing(tmp_path: Path) -> None:
    store = await SmallDisk.open(tmp_path / "k.sqlite3")
    knowledge = Knowledge(store)
    try:
        base = (await knowledge.create(ORG, "Clinic")).id
        kept = await knowledge.add(ORG, base, "a.txt", TEXT, "text/plain")
        await knowledge.settled()
        store.limit(60)
        with pytest.raises(ServerError) as refusal:
            await knowledge.add(ORG, base, "b.txt", b"x" * 1_000_000, "text/plain")
        assert (refusal.value.code, refusal.value.status) == ("store_full", 507)
        assert [each.id for each in await knowledge.documents(ORG, base)] == [kept.id]
        assert len(await knowledge.search(ORG, "cleaning", budget=None)) == 1
        store.limit(10_000)
        added = await knowledge.add(ORG, base, "b.txt", b"Parking is free.", "text/plain")
        await knowledge.settled()
        assert (await knowledge.status(ORG, base, added.id)).status == "indexed"
    finally:
        await knowledge.aclose()


async def test_a_disk_that_fills_while_indexing_leaves_the_document_pending(tmp_path: Path) -> None:
    store = await SmallDisk.open(tmp_path / "k.sqlite3")
    try:
        base = (await store.create_base(ORG, "Clinic")).id
        stored = await store.add_document(ORG, base, "a.txt", "text/plain", TEXT)
        store.limit(60)
        chunks = [Chunk("word " * 200, "", number) for number in range(500)]
        with pytest.raises(ServerError) as refusal:
            await store.index(stored.id, chunks, _vectors(500))
        assert refusal.value.code == "store_full"
        assert await store.pending() == [stored.id]
        assert (await store.base(ORG, base)).chunks == 0
        store.limit(100_000)
        assert await store.index(stored.id, chunks, _vectors(500))
    finally:
        await store.aclose()


def _vectors(count: int) -> Vectors:
    from pyai_voice.server.knowledge.embedding import load_embedder

    return load_embedder().embed(["word"] * count)


_ON_A_SMALL_DISK = """
import asyncio, subprocess, sys
from pyai_voice.errors import ServerError
from pyai_voice.server.knowledge.facade import Knowledge

async def refusal_of(work):
    try:
        await work
    except ServerError as error:
        return error.code
    return ""

async def main():
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", sys.argv[1]], check=True)
    knowledge = await Knowledge.open(sys.argv[1] + "/k.sqlite3")
    base = (await knowledge.create("org_one", "Clinic")).id
    kept, refusal = [], ""

    async def add():
        stored = await knowledge.add("org_one", base, f"{len(kept)}.txt", b"Parking is free. " * 9000, "text/plain")
        kept.append(stored.id)

    while not refusal:
        refusal = await refusal_of(add())
    print(refusal, await refusal_of(knowledge.settled()), len(kept) > 1, flush=True)
    subprocess.run(["mount", "-o", "remount,size=90m", "none", sys.argv[1]], check=True)
    await add()
    await knowledge.settled()
    found = [(each.id, each.status) for each in await knowledge.documents("org_one", base)]
    print(found == [(each, "indexed") for each in kept], flush=True)
    await knowledge.aclose()

asyncio.run(main())
"""


async def _may_mount(folder: Path) -> bool:
    asked = ("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", str(folder))
    try:
        process = await asyncio.create_subprocess_exec(*asked, stderr=PIPE)
    except FileNotFoundError:
        return False
    await process.communicate()
    return process.returncode == 0


async def test_a_disk_that_is_really_full_is_one_error_and_loses_nothing(tmp_path: Path) -> None:
    if not await _may_mount(tmp_path):
        pytest.skip("on this machine nobody but root may mount a small disk")
    outside = ("unshare", "--user", "--map-root-user", "--mount")
    async with program(_ON_A_SMALL_DISK, str(tmp_path), outside=outside) as process:
        assert await line(process) == "store_full store_full True"
        assert await line(process) == "True"
        assert await process.wait() == 0


# -- damaged ----------------------------------------------------------------------------------------


def garbage(path: Path) -> None:
    path.write_bytes(b"This is no database. " * 1000)


def others(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE somebody_elses (a)")


def cut(path: Path) -> None:
    asyncio.run(_fill(path))
    path.write_bytes(path.read_bytes()[:5000])


async def _fill(path: Path) -> None:
    async with opened(path) as knowledge:
        base = (await knowledge.create(ORG, "Clinic")).id
        await knowledge.add(ORG, base, "a.txt", TEXT, "text/plain")
        await knowledge.settled()


@pytest.mark.parametrize("damage", [garbage, others, cut])
async def test_a_damaged_file_is_one_error_and_is_left_as_it_is(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "k.sqlite3"
    await asyncio.to_thread(damage, path)
    before = path.read_bytes()
    with pytest.raises(ServerError) as refusal:
        await open_store(path)
    assert refusal.value.code == "store_corrupt"
    assert str(tmp_path) not in str(refusal.value)
    assert path.read_bytes() == before


async def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.sqlite3"
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = 'other vectors'")
        connection.commit()
    with pytest.raises(ServerError) as refusal:
        await open_store(path)
    assert refusal.value.code == "store_unavailable"


async def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ServerError) as refusal:
        await open_store(tmp_path / "none" / "k.sqlite3")
    assert refusal.value.code == "store_unavailable"


# -- documents that do harm ---------------------------------------------------------------------------


async def test_a_document_that_takes_too_long_fails_and_the_next_is_read() -> None:
    reader = Reader(patience=0.01)
    with pytest.raises(RequestError) as refusal:
        await reader.read(TEXT, "text/plain", "a.txt", lambda done, total: None)
    assert refusal.value.code == "unreadable_document"
    await reader.aclose()


async def test_the_process_that_reads_goes_quietly_when_the_server_was_killed() -> None:
    out, into = os.pipe()
    os.close(out)  # nobody is there to read the answer
    command = (sys.executable, "-m", "pyai_voice.server.knowledge.child")
    try:
        reading = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=into, stderr=PIPE)
    finally:
        os.close(into)
    async with asyncio.timeout(30):
        _, said = await reading.communicate(pack({"media_type": "text/plain", "name": "a.txt"}, TEXT))
    assert said == b""


async def test_progress_is_told_document_by_document() -> None:
    told: list[Progress] = []
    knowledge = await Knowledge.open(progress=told.append)
    try:
        base = (await knowledge.create(ORG, "Clinic")).id
        text = "\n\n".join(f"Treatment {number} costs {number} euros. " * 20 for number in range(100))
        stored = await knowledge.add(ORG, base, "a.txt", text.encode(), "text/plain")
        await knowledge.settled()
        steps = [(each.done, each.total) for each in told if each.document.id == stored.id]
        assert steps[0] == (0, 0)
        assert steps[1:] == sorted(steps[1:])
        assert steps[-1][0] == steps[-1][1] == (await knowledge.status(ORG, base, stored.id)).chunks
    finally:
        await knowledge.aclose()


# -- PostgreSQL ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kind", "code"),
    [
        ("postgres://user:canary-secret@127.0.0.1:1/none", ServerError, "store_unavailable"),
        ("postgres://user:canary-secret@127.0.0.1:port/none", ServerError, "store_unavailable"),
        ("postgres://user:canary-secret@/none?nonsense=canary-secret", ConfigurationError, "invalid_option"),
    ],
)
async def test_a_database_that_is_not_there_is_one_error_without_the_password(
    url: str, kind: type[Exception], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"), pytest.raises(kind) as refusal:
        await open_store(url)
    error = refusal.value
    assert getattr(error, "code", "") == code
    assert error.__context__ is None
    assert error.__cause__ is None
    assert "canary-secret" not in repr(error) + str(error) + caplog.text


async def test_a_refusal_of_postgres_names_no_data_and_changes_nothing(postgres_database: str) -> None:
    store = await open_store(postgres_database)
    try:
        base = (await store.create_base(ORG, "Clinic")).id
        stored: StoredDocument = await store.add_document(ORG, base, "a", "text/plain", TEXT)
        with pytest.raises(ServerError) as refusal:
            await store.index(stored.id, [Chunk("canary", "", 0)], _vectors(1)[:, :7])
        assert refusal.value.code == "store_unavailable"
        assert "canary" not in str(refusal.value)
        assert await store.pending() == [stored.id]
    finally:
        await store.aclose()
