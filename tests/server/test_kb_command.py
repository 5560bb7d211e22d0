"""``pyai-voice kb``: on a real store; what serves, and what is interrupted, as a program of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pyai_voice.cli.commands import app

TOKEN = "token_canary_0123456789"
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}


def kb(*arguments: str | Path, status: int = 0) -> Result:
    done = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, ["kb", *map(str, arguments)])
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output
    return done


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    (folder / "more").mkdir(parents=True)
    (folder / "prices.md").write_text("# Clinic\n\n## Check-up\n\nA check-up costs 45 euro.", "utf-8")
    (folder / "more" / "parking.txt").write_text("Park behind the house.", "utf-8")
    (folder / ".hidden.md").write_text("hidden", "utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    return folder


def listed(data: Path) -> list[tuple[str, str]]:
    (base,) = json.loads(kb("list", "--data", data, "--json").stdout)
    return [(each["name"], each["status"]) for each in base["documents"]]


def test_a_folder_is_added_listed_and_found(data: Path, handbook: Path) -> None:
    added = kb("add", "--data", data, handbook)
    assert added.stdout == ""
    assert "2 of 2 documents can be found in default" in added.stderr
    assert listed(data) == [("more/parking.txt", "indexed"), ("prices.md", "indexed")]
    table = kb("list", "--data", data).stdout
    assert all(word in table for word in ("default", "kb_", "prices.md", "doc_", "indexed"))
    first, *_ = json.loads(kb("search", "--data", data, "--json", "what does a check-up cost").stdout)
    assert (first["content"], first["name"]) == ("Clinic > Check-up\nA check-up costs 45 euro.", "prices.md")
    shown = kb("search", "--data", data, "what does a check-up cost").stdout
    assert f"{first['score']:.2f}" in shown
    assert "45 euro" in shown


def test_one_is_not_counted_as_many(data: Path, handbook: Path) -> None:
    assert "1 of 1 document can be found" in kb("add", "--data", data, handbook / "prices.md").stderr
    assert "1 document, 1 piece" in kb("list", "--data", data).stdout


def test_globs_and_single_files(data: Path, handbook: Path) -> None:
    kb("add", "--quiet", "--data", data, handbook / "**" / "*.txt", handbook / "prices.md", handbook / "prices.md")
    assert listed(data) == [("parking.txt", "indexed"), ("prices.md", "indexed")]


def test_adding_again_replaces(data: Path, handbook: Path) -> None:
    kb("add", "--data", data, handbook)
    (handbook / "prices.md").write_text("A check-up costs 50 euro.", "utf-8")
    kb("add", "--data", data, handbook)
    assert sorted(listed(data)) == [("more/parking.txt", "indexed"), ("prices.md", "indexed")]
    found = kb("search", "--data", data, "check-up").stdout
    assert "50 euro" in found
    assert "45 euro" not in found


def test_what_cannot_be_read_is_said_and_the_rest_is_added(data: Path, handbook: Path) -> None:
    (handbook / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (handbook / "empty.txt").write_text("", "utf-8")
    (handbook / "huge.txt").write_bytes(b"word " * (10 << 20))
    done = kb("add", "--data", data, handbook, handbook / "picture.png", handbook / "missing.txt", status=1)
    assert "2 of 7 documents" in done.stderr
    for name, reason in [
        ("broken.pdf", "damaged"),
        ("empty.txt", "empty"),
        ("huge.txt", "at most"),
        ("picture.png", "neither text"),
        ("missing.txt", "No such file"),
    ]:
        assert re.search(f"{re.escape(name)}: .*{reason}", done.stderr)
    statuses = dict(listed(data))
    assert statuses == {
        "prices.md": "indexed",
        "more/parking.txt": "indexed",
        "broken.pdf": "failed",
        "picture.png": "failed",
    }
    assert "damaged" in kb("list", "--data", data).stdout


def test_a_document_that_cannot_be_read_does_not_replace_the_one_that_could(data: Path, handbook: Path) -> None:
    kb("add", "--data", data, handbook / "prices.md")
    (handbook / "prices.md").write_bytes(b"\0\0\0")
    kb("add", "--data", data, handbook / "prices.md", status=1)
    assert "45 euro" in kb("search", "--data", data, "check-up").stdout


def test_several_knowledge_bases(data: Path, handbook: Path) -> None:
    kb("add", "--data", data, "--kb", "prices", handbook / "prices.md")
    kb("add", "--data", data, "--kb", "way", handbook / "more")
    names = [base["name"] for base in json.loads(kb("list", "--data", data, "--json").stdout)]
    assert names == ["prices", "way"]
    assert [base["name"] for base in json.loads(kb("list", "--data", data, "--json", "--kb", "way").stdout)] == ["way"]
    found = json.loads(kb("search", "--data", data, "--json", "--kb", "way", "check-up price").stdout)
    assert {hit["name"] for hit in found} == {"parking.txt"}
    assert len(json.loads(kb("search", "--data", data, "--json", "--limit", "1", "check-up or parking").stdout)) == 1


def test_documents_and_whole_knowledge_bases_are_removed(data: Path, handbook: Path) -> None:
    kb("add", "--data", data, handbook)
    kb("remove", "--data", data, "prices.md", "no such document", status=1)
    assert len(listed(data)) == 2
    assert "removed prices.md" in kb("remove", "--data", data, "prices.md").stdout
    assert listed(data) == [("more/parking.txt", "indexed")]
    kb("remove", "--data", data, status=2)
    kb("remove", "--data", data, "--all")
    assert json.loads(kb("list", "--data", data, "--json").stdout) == []
    assert "no knowledge bases" in kb("list", "--data", data).stdout


def test_nothing_found_is_said(data: Path, handbook: Path) -> None:
    kb("add", "--data", data, handbook)
    assert kb("search", "--data", data, "--least", "1", "quantum chromodynamics").stdout == "Nothing was found\n"
    assert json.loads(kb("search", "--data", data, "--json", "--least", "1", "quantum").stdout) == []


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("list", "--data", "{none}"), "There is no folder"),
        (("search", "--data", "{none}", "words"), "There is no folder"),
        (("remove", "--data", "{none}", "a"), "There is no folder"),
        (("add", "--data", "{file}", "{file}"), "Cannot use"),
        (("add", "--data", "{none}", "{folder}"), "There is no document in"),
        (("add", "--data", "{none}", "{folder}/*.md"), "There is no document in"),
        (("list", "--store", "{file}"), "file is damaged, or was not made by this program"),
        (("serve", "--data", "{folder}"), "KB_TOKEN"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_1(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("this is not a store" * 100, "utf-8")
    places = {name: str(tmp_path / name) for name in ("none", "file", "folder")}
    done = kb(*(each.format(**places) for each in arguments), status=1)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_place_it_says_which_options_there_are() -> None:
    assert "--data DIR" in kb("list", status=2).stderr


def test_a_knowledge_base_that_is_not_there_is_named_beside_those_that_are(data: Path, handbook: Path) -> None:
    kb("add", "--data", data, "--kb", "prices", handbook / "prices.md")
    for arguments in (("list", "--kb", "price"), ("search", "--kb", "price", "x"), ("remove", "--kb", "price", "x")):
        said = kb(*arguments, "--data", data, status=1).stderr
        assert "'price'" in said
        assert "'prices'" in said


def test_a_store_that_another_program_has_locked(data: Path, handbook: Path) -> None:
    kb("add", "--data", data, handbook / "prices.md")
    (store,) = (each for each in data.iterdir() if each.suffix not in (".json", "") and "-" not in each.name)
    with sqlite3.connect(store) as other:
        other.execute("BEGIN EXCLUSIVE")
        said = kb("add", "--data", data, handbook / "more", status=1).stderr
        other.rollback()
    other.close()
    assert "locked" in said
    assert listed(data) == [("prices.md", "indexed")]


def test_help_names_every_command_and_what_it_needs() -> None:
    overview = kb("--help").stdout
    assert all(command in overview for command in ("add", "list", "search", "remove", "serve"))
    assert all(word in kb("add", "--help").stdout for word in ("--data", "--store", "--kb", "PDF", "Ctrl-C"))
    assert all(word in kb("serve", "--help").stdout for word in ("KB_TOKEN", "KB_VAPI_SECRET", "--insecure", "--least"))


async def start(*arguments: str | Path, **environment: str) -> asyncio.subprocess.Process:
    return await run_python("-m", "pyai_voice.cli", "kb", *arguments, **environment)


async def run_python(*arguments: str | Path, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *map(str, arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **environment},
        start_new_session=True,
    )


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(50):
        return (await process.stdout.readline()).decode().strip()


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    return process.returncode, err.decode()


@asynccontextmanager
async def serving(*arguments: str | Path, **environment: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await start("serve", "--port", "0", *arguments, **environment)
    try:
        url = await line_of(process)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url), await ended(process)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_finds_what_is_added_meanwhile_and_ends_on_a_signal(
    data: Path, handbook: Path, number: signal.Signals
) -> None:
    await asyncio.to_thread(kb, "add", "--data", data, handbook / "more")
    async with (
        serving("--data", data, KB_TOKEN=TOKEN) as (process, url),
        httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as http,
    ):
        asked = {"session_label": "desk", "query": "words_canary check-up price"}
        before = (await http.post(url, json=asked)).json()
        await asyncio.to_thread(kb, "add", "--data", data, handbook / "prices.md")
        after = (await http.post(url, json=asked)).json()
        refused = await http.post(url, json=asked, headers={"Authorization": "Bearer wrong_canary"})
        process.send_signal(number)
        status, err = await ended(process)
    assert "45 euro" not in before["context"]
    assert "45 euro" in after["context"]
    assert refused.status_code == 401
    assert status == 0
    assert len(re.findall(r"omni 200, \d passages, \d+ ms", err)) == 2
    assert "- 401, 0 passages" in err
    assert "canary" not in err
    assert "Traceback" not in err


async def test_insecure_is_for_this_machine_alone(data: Path, handbook: Path) -> None:
    await asyncio.to_thread(kb, "add", "--data", data, handbook)
    refused = await ended(await start("serve", "--port", "0", "--host", "0.0.0.0", "--insecure", "--data", data))
    assert refused[0] == 1
    assert "this machine alone" in refused[1]
    async with serving("--data", data, "--insecure") as (_, url), httpx.AsyncClient(trust_env=False) as http:
        assert "behind" in (await http.post(url, json={"query": "parking"})).json()["context"]


_READS_THE_SECOND_DOCUMENT_FOR_EVER = """
import asyncio, sys
from pyai_voice.cli.commands import app
from pyai_voice.server.knowledge.reader import Reader

class Stuck(Reader):
    async def read(self, data, media_type, name, progress):
        if name == "0.md":
            return await super().read(data, media_type, name, progress)
        print("stuck", flush=True)
        await asyncio.Event().wait()

from pyai_voice.server.knowledge import facade
facade.Reader = Stuck
sys.exit(app(["kb", "add", "--data", *sys.argv[1:]]))
"""


async def test_ctrl_c_while_it_indexes_loses_nothing(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "three"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.md").write_text(f"# Guide {number}\n\nRoom {number} is free.", "utf-8")
    process = await run_python("-c", _READS_THE_SECOND_DOCUMENT_FOR_EVER, data, folder)
    assert await line_of(process) == "stuck"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process in the foreground
    status, err = await ended(process)
    assert status == 130
    assert "Traceback" not in err
    assert await asyncio.to_thread(listed, data) == [("0.md", "indexed"), ("1.md", "pending"), ("2.md", "pending")]
    await asyncio.to_thread(kb, "add", "--data", data, folder / "0.md")
    assert {status for _, status in await asyncio.to_thread(listed, data)} == {"indexed"}
