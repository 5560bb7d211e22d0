"""``pyai-voice vapi serve`` as a program of its own, and commands of packages that are broken."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from pyai_voice.testing import FaultyServer, spoken
from pyai_voice.testing.faults import Abort
from tests.plugins.vapi.vapi_house import SECRET, TEXT, voice_request
from vapi_pyai.cli import app

COMMAND = [sys.executable, "-m", "pyai_voice.cli"]
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("VAPI_", "PYAI_", "OPENAI_"))}
QUIET = {**BARE, "COLUMNS": "200", "NO_COLOR": "1"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**QUIET, **environment}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=50, env=environment)


async def test_it_prints_its_address_serves_and_ends_on_a_signal() -> None:
    async with FaultyServer(speak=[Abort(after_bytes=4800)]) as pyai:
        environment = {"PYAI_API_KEY": pyai.api_key, "PYAI_BASE_URL": pyai.base_url, "VAPI_SECRET": SECRET}
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "vapi", "serve", "--port", "0"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**QUIET, **environment},
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(50):
                url = (await process.stdout.readline()).decode().strip()
                async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                    with pytest.raises(httpx.RemoteProtocolError):
                        await http.post("/voice", json=voice_request(), headers={"x-vapi-secret": SECRET})
                    good = await http.post("/voice", json=voice_request(), headers={"x-vapi-secret": SECRET})
                    bad = await http.post("/voice", json=voice_request(), headers={"x-vapi-secret": "wrong_canary"})
                process.send_signal(signal.SIGTERM)
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
    assert (good.content, bad.status_code) == (spoken(TEXT), 401)
    assert (process.returncode, out) == (0, b"")
    good_line, bad_line, broken_line = sorted(line.split(maxsplit=2)[2] for line in err.decode().splitlines())
    assert good_line.startswith("INFO voice 200, ")
    assert bad_line == "WARNING voice 401, unauthorized: wrong secret"
    assert broken_line.startswith("WARNING voice 599, ")


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ((), {}, "VAPI_SECRET"),
        ((), {"VAPI_SECRET": "short"}, "16 characters"),
        ((), {"VAPI_SECRET": SECRET}, "PYAI_API_KEY"),
        (("--payload-format", "x"), {"VAPI_HMAC_SECRET": SECRET, "PYAI_API_KEY": "k"}, "payload_format"),
        (("--insecure", "--host", "0.0.0.0"), {"PYAI_API_KEY": "k"}, "this machine alone"),
        (
            (),
            {"VAPI_TOKEN": SECRET, "PYAI_API_KEY": "k", "OPENAI_BASE_URL": "http://203.0.113.9/v1"},
            "OPENAI_BASE_URL",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    for name in os.environ.keys() - BARE.keys():
        monkeypatch.delenv(name)
    done = CliRunner().invoke(app, ["serve", "--port", "0", *arguments], env=environment)
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in line
    assert SECRET not in line


def test_a_package_that_is_broken_breaks_its_own_commands_alone(tmp_path: Path) -> None:
    there = tmp_path / "broken-1.0.dist-info"
    there.mkdir()
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", "utf-8")
    (there / "entry_points.txt").write_text("[pyai_voice.commands]\nruin = ruin.cli:app\n", "utf-8")
    (tmp_path / "ruin").mkdir()
    (tmp_path / "ruin" / "cli.py").write_text("1 / 0\n", "utf-8")
    help_page = run("--help", PYTHONPATH=str(tmp_path))
    assert help_page.returncode == 0
    assert "Commands of broken." in help_page.stdout
    assert "Commands of vapi-pyai." in help_page.stdout
    called = run("ruin", "--help", PYTHONPATH=str(tmp_path))
    assert called.returncode == 1
    assert called.stderr == (
        "pyai-voice: the commands of broken cannot be loaded: ZeroDivisionError: division by zero\n"
    )


def test_help_of_all_loads_no_package() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from pyai_voice.cli.commands import app;"
        "print(CliRunner().invoke(app, ['--help']).exit_code, 'vapi_pyai' in sys.modules, 'starlette' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, env=QUIET)
    assert done.stdout == "0 False False\n", done.stderr
