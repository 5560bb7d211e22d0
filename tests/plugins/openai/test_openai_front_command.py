"""``pyai-voice openai serve`` as a program of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from typer.testing import CliRunner

from openai_pyai.cli import app
from pyai_voice.testing import FaultyServer, spoken
from tests.plugins.openai.audiopod import AUDIOPOD_KEY, audiopod
from tests.plugins.openai.openai_front_house import KEY, TEXT, openai_client

COMMAND = [sys.executable, "-m", "pyai_voice.cli", "openai", "serve", "--port", "0"]
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AUDIOPOD_", "PYAI_", "OPENAI_"))}
QUIET = {**BARE, "COLUMNS": "200", "NO_COLOR": "1"}
SAID: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm"}


@asynccontextmanager
async def program(*arguments: str, **environment: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Run it; yields its base URL and the lines of its log, which are there after the block."""
    log: list[str] = []
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**QUIET, **environment}
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(50):
            yield (await process.stdout.readline()).decode().strip(), log
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert (process.returncode, out) == (0, b"")
    log += err.decode().splitlines()


async def test_it_prints_the_base_url_serves_and_ends_on_a_signal() -> None:
    async with FaultyServer() as pyai:
        environment = {"PYAI_API_KEY": pyai.api_key, "PYAI_BASE_URL": pyai.base_url, "OPENAI_FRONT_KEY": KEY}
        async with program("--voice", "alloy=stock_ramp", **environment) as (url, log):
            async with openai_client(url) as client:
                assert (await client.audio.speech.create(**SAID)).content == spoken(TEXT)
                with pytest.raises(openai.AuthenticationError):
                    await client.with_options(api_key="wrong_canary").audio.speech.create(**SAID)
        assert pyai.requests[0].fields["voice"] == "stock_ramp"
    first, second = log
    assert "INFO speech 200, " in first
    assert "WARNING speech 401, " in second
    assert "canary" not in first + second


async def test_keys_pass_through_to_another_provider() -> None:
    async with audiopod() as service:
        arguments = ("--provider", "audiopod", "--pass-through", "--quiet")
        async with program(*arguments, AUDIOPOD_BASE_URL=service.url) as (url, log):
            async with openai_client(url, AUDIOPOD_KEY) as client:
                assert (await client.audio.speech.create(**SAID)).content == spoken(TEXT)
    assert log == []


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ((), {"PYAI_API_KEY": "a_key_of_the_service"}, "OPENAI_FRONT_KEY"),
        ((), {"PYAI_API_KEY": "a_key_of_the_service", "OPENAI_FRONT_KEY": "short"}, "16 characters"),
        ((), {"OPENAI_FRONT_KEY": KEY}, "PYAI_API_KEY"),
        (("--provider", "audiopod"), {"OPENAI_FRONT_KEY": KEY}, "AUDIOPOD_API_KEY"),
        (("--insecure", "--host", "0.0.0.0"), {"PYAI_API_KEY": "a_key_of_the_service"}, "this machine alone"),
        (("--pass-through",), {"PYAI_BASE_URL": "http://203.0.113.9"}, "http only to this machine"),
        (("--voice", "alloy"), {"PYAI_API_KEY": "a_key_of_the_service"}, "NAME=VOICE"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_a_line(
    arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    others = dict.fromkeys(os.environ.keys() - QUIET.keys())
    done = CliRunner().invoke(app, ["serve", "--port", "0", *arguments], env={**others, **environment})
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in line
    assert KEY not in line
