"""The command, as a program of its own with the real engines where it serves."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

COMMAND = [sys.executable, "-m", "pyai_voice.cli"]
READY = re.compile(r"export PYAI_BASE_URL=(http://127\.0\.0\.1:\d+) PYAI_API_KEY=(pyai_test_[\w-]+)\n")
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=50, env=ENVIRONMENT)


@dataclass
class Program:
    process: asyncio.subprocess.Process
    base_url: str
    api_key: str

    async def ended(self) -> tuple[int, str, str]:
        """Return its exit code and what else it wrote to stdout and stderr."""
        async with asyncio.timeout(15):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(50):
            ready = READY.fullmatch((await process.stdout.readline()).decode())
        assert ready is not None
        yield Program(process, ready[1], ready[2])
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_prints_one_line_serves_and_ends_on_a_signal_with_a_stream_open(number: signal.Signals) -> None:
    async with program("--port", "0") as server:
        address = f"ws{server.base_url.removeprefix('http')}/v1/audio/transcriptions/stream?protocol=pyai-hear-v1"
        url = f"{address}&api_key={server.api_key}"
        async with connect(url) as stream, httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
            assert json.loads(await stream.recv())["type"] == "config_ack"
            assert (await http.get("/v1/me", params={"api_key": server.api_key})).status_code == 200
            assert (await http.get("/v1/me", headers={"x-api-key": "wrong_canary"})).status_code == 401
            server.process.send_signal(number)
            code, out, err = await server.ended()
    assert (code, out) == (0, "")
    assert "loading" in err
    assert "Traceback" not in err
    assert server.api_key not in err
    assert "wrong_canary" not in err


async def test_quiet_says_nothing_but_the_line(tmp_path: Path) -> None:
    async with program("--port", "0", "--quiet", "--data", str(tmp_path / "data")) as server:
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended() == (0, "", "")


async def test_what_was_answered_is_there_after_a_kill_and_the_line_is_the_same(tmp_path: Path) -> None:
    arguments = ("--quiet", "--port", "0", "--data", str(tmp_path))
    async with program(*arguments) as first, httpx.AsyncClient(trust_env=False) as http:
        made = (await http.post(f"{first.base_url}/v1/sandbox/keys")).json()
        first.process.kill()
        await first.process.wait()
        async with program(*arguments) as second:
            me = (await http.get(f"{second.base_url}/v1/me", headers={"x-api-key": made["api_key"]})).json()
    assert second.api_key == first.api_key
    assert (me["key_id"], me["org_id"]) == (made["key_id"], made["org_id"])


def test_a_damaged_store_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_bytes(b"SQLite format 3\0" + bytes(5000))
    done = run("serve", "--port", "0", "--quiet", "--data", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "The store state.sqlite3 is damaged" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", "utf-8")
    done = run("serve", "--data", str(file / "below"))
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_that_is_not_this_machine_is_said_in_a_sentence() -> None:
    done = run("serve", "--host", "192.0.2.1", "--port", "0")
    assert done.returncode == 1
    assert "192.0.2.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_option() -> None:
    done = run("serve", "--help")
    assert done.returncode == 0
    for option in ("--host", "--port", "--data", "--store", "--max-streams", "--stt-model", "--quiet"):
        assert option in done.stdout
    assert "export PYAI_BASE_URL=" in done.stdout


def test_the_version() -> None:
    assert re.fullmatch(r"pyai-voice \d+\.\d+\.\d+\n", run("--version").stdout)


def test_without_the_extra_it_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['typer'] = None; from pyai_voice.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "pip install 'pyai-voice[server]'" in done.stderr
    assert "Traceback" not in done.stderr
