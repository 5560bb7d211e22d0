"""PyAI's official SDK as a client of the local server, in an environment of its own: it has the name ``pyai``."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from tests.server.conftest import serve
from tests.server.fakes import silence, tone

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "pyai-sdk"
SDK = "pyai-sdk==0.5.0"
SCRIPT = Path(__file__).with_name("official_sdk.py")


@pytest.fixture(scope="module")
def official_python() -> Path:
    """An interpreter that has the SDK."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "installed.txt"
    if stamp.is_file() and stamp.read_text("utf-8") == SDK:
        return python
    uv = str(Path(sys.executable).with_name("uv"))
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER)],
        [uv, "pip", "install", "--quiet", "--python", str(python), SDK],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"{SDK} cannot be installed: {type(error).__name__}")
    stamp.write_text(SDK, "utf-8")
    return python


async def recording(request: Request) -> Response:
    return Response(wav_bytes(silence(0.4) + tone(0.4) + silence(1.2), AudioFormat(16000)))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_official_sdk_works_with_the_local_server(official_python: Path) -> None:
    site = serving(Starlette(routes=[Route("/call.wav", recording)]), Settings(), bind())
    async with site as (_, origin), serve(Settings(outbound_loopback=True)) as local:
        command = [str(official_python), str(SCRIPT), local.server.base_url, local.server.api_key, origin]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    found: dict[str, Any] = json.loads(said)
    assert (found["doctor"], found["smoke"]) == (0, 0), found["said"]
    assert not any(line.startswith(("FAIL", "SKIP")) for line in found["said"])
    assert found["me"] == "test"
    assert {"pyai-hear", "pyai-speak"} <= set(found["models"])
    assert (found["voices"], found["voice"], found["women"]) == (2, True, ["F"])
    assert (found["agent"], found["agents"], found["agents_left"]) == (["Hi.", [], "Be kind."], ["Reception"], [])
    assert found["speech"] == [True, True]
    assert found["transcription"].startswith("w1 w2")
    assert (found["clone"], found["clones_left"]) == (["Me", True], [])
    assert found["speaking_with_a_clone"] == [400, "unsupported_parameter"]
    assert (found["job"], found["jobs"]) == (["completed", True, ["srt"], "w1 w2."], [True])
    assert (found["amd"], found["amd_kept"], found["amd_calls"]) == (0.7, "https://hooks.example/amd", [])
    assert found["refusals"] == {
        "telephony": [404, "unknown_route"],
        "no voice": [404, "not_found"],
        "no agent": [404, "not_found"],
        "wrong key": [401, "unauthorized"],
    }
