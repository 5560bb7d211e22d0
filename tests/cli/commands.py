"""Runs ``pyai-voice`` against a server of the test: in a thread, or as a program of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.cli.commands import app
from tests.server.fakes import RATE, tone

KEY = "pyai_test_canary-0123456789abcdef"
PLAIN = {"COLUMNS": "200", "NO_COLOR": "1"}
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass
class Done:
    """What a command left behind."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class Shell:
    """An address and a key, as they stand in a user's shell."""

    base_url: str | None
    api_key: str | None

    def environment(self) -> dict[str, str | None]:
        return {**PLAIN, **dict.fromkeys(PROXIES), "PYAI_BASE_URL": self.base_url, "PYAI_API_KEY": self.api_key}

    async def run(self, *arguments: str | Path, path: Path | None = None, status: int = 0) -> Done:
        """Run a command in a thread of this process, so that the server of the test goes on.

        ``path`` is the only folder where it finds programs.
        """
        runner = CliRunner(env=self.environment() | ({"PATH": str(path)} if path else {}))
        result = await asyncio.to_thread(runner.invoke, app, [*map(str, arguments)])
        return self._checked(Done(result.exit_code, result.stdout, result.stderr), status)

    async def program(
        self, *arguments: str | Path, given: bytes | None = None, path: Path | None = None, status: int = 0
    ) -> Done:
        """Run it as a program; ``given`` comes on its stdin, ``path`` is where it finds programs and first modules."""
        process = await self.start(*arguments, path=path, stdin=PIPE)
        async with asyncio.timeout(50):
            out, err = await process.communicate(given)
        return self._checked(Done(process.returncode or 0, out.decode(), err.decode()), status)

    async def start(
        self, *arguments: str | Path, path: Path | None = None, stdin: int | None = None
    ) -> asyncio.subprocess.Process:
        wanted = {**os.environ, **self.environment()} | ({"PATH": str(path), "PYTHONPATH": str(path)} if path else {})
        environment = {name: value for name, value in wanted.items() if value is not None}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pyai_voice.cli", *arguments),
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
            preexec_fn=_hear_interrupts,
        )

    def _checked(self, done: Done, status: int) -> Done:
        assert done.status == status, done
        assert "Traceback" not in done.stderr
        assert not self.api_key or self.api_key not in done.stdout + done.stderr
        return done


def recording(seconds: float) -> bytes:
    """Return a WAV in which the local server of these tests hears a word for each 0.2 s."""
    return wav_bytes(tone(seconds), AudioFormat(RATE))


def _hear_interrupts() -> None:
    """Where the tests run in a shell's background, they and their children would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
