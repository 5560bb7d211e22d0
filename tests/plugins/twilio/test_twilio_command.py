"""``pyai-voice twilio serve``: what it asks for, what it refuses, that it starts and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import httpx
import pytest
from typer.testing import CliRunner

from tests.plugins.twilio.twilio_house import ACCOUNT, TOKEN
from twilio_pyai.cli import app, control_from

CLEAN = {
    "TWILIO_AUTH_TOKEN": "",
    "TWILIO_ACCOUNT_SID": "",
    "TWILIO_PUBLIC_URL": "",
    "PYAI_API_KEY": "pyai_test_key_012345",
}


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        ([], {}, "Set TWILIO_AUTH_TOKEN"),
        ([], {"TWILIO_AUTH_TOKEN": "canary"}, "at least 16 characters"),
        ([], {"TWILIO_AUTH_TOKEN": TOKEN, "PYAI_API_KEY": ""}, "API key"),
        (["--host", "0.0.0.0", "--insecure"], {}, "this machine alone"),
        (["--public-url", "nowhere"], {"TWILIO_AUTH_TOKEN": TOKEN}, "public_url"),
        (["--transfer", "desk=+15550100009"], {"TWILIO_AUTH_TOKEN": TOKEN}, "TWILIO_ACCOUNT_SID"),
        (["--transfer", "desk=112"], {"TWILIO_AUTH_TOKEN": TOKEN}, "transfers"),
        (["--persona", "/no/such/file"], {"TWILIO_AUTH_TOKEN": TOKEN}, "Cannot read"),
        (["--agent", "agent_1", "--voice", "nova"], {"TWILIO_AUTH_TOKEN": TOKEN}, "profile"),
    ],
)
def test_it_does_not_start(arguments: list[str], environment: dict[str, str], complaint: str) -> None:
    result = CliRunner(env=CLEAN | environment).invoke(app, ["serve", "--port", "0", *arguments])
    assert result.exit_code == 1
    assert complaint in result.output
    assert "canary" not in result.output


async def test_it_answers_and_ends_when_it_is_told() -> None:
    environment = {**os.environ, **CLEAN, "TWILIO_AUTH_TOKEN": TOKEN}
    command = [
        sys.executable,
        "-m",
        "pyai_voice.cli",
        "twilio",
        "serve",
        "--port",
        "0",
        "--amd",
        "--greeting",
        "Hello.",
    ]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(40):
            assert process.stdout
            url = (await process.stdout.readline()).decode().strip()
            async with httpx.AsyncClient(trust_env=False) as http:
                assert (await http.post(f"{url}/voice", data={"CallSid": "CA1"})).status_code == 403
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


def test_credentials_are_used_where_they_are_whole() -> None:
    assert control_from({}) is None
    assert control_from({"TWILIO_ACCOUNT_SID": ACCOUNT}) is None
    assert control_from({"TWILIO_AUTH_TOKEN": TOKEN}) is None
    assert control_from({"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN})
    assert control_from({"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": TOKEN})
