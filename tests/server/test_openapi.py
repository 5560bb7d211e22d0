"""The description of the server, and whether the server does what it says: schemathesis asks, with right and wrong."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pyai_voice.outbound import Outbound, OutboundError
from pyai_voice.server.openapi import document
from tests.server.conftest import Local

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SEEN = {
    "/v1/me",
    "/v1/models",
    "/v1/voices",
    "/v1/voices/{voice_id}",
    "/v1/voice/clones",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/transcription/jobs",
    "/v1/agents",
    "/v1/agents/{agent_id}",
    "/v1/agents/{agent_id}/tools",
    "/v1/tools",
    "/v1/omni/sessions",
    "/v1/omni/calls",
    "/v1/omni/calls/{call_id}",
    "/v1/amd/config",
    "/v1/amd/calls",
    "/v1/trace/config",
    "/v1/trace/rule-packs",
    "/v1/trace/interactions",
    "/v1/trace/violations",
    "/v1/trace/findings",
    "/v1/trace/exposure",
    "/v1/recap/config",
    "/v1/recap/crm-config",
    "/v1/recap/calls",
    "/v1/knowledgebases",
    "/v1/webhooks/signing-secret",
    "/v1/sandbox/keys",
    "/v1/providers/openrouter/models",
}


async def test_the_description_needs_no_key_and_has_every_endpoint(local: Local) -> None:
    answer = await local.http.get("/openapi.json")
    assert answer.json() == document()
    assert answer.json()["paths"].keys() >= SEEN


def test_every_reference_leads_somewhere() -> None:
    schemas = document()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/([\w.\-]+)", str(document()))) <= schemas.keys()


async def test_every_described_operation_is_served(local: Local) -> None:
    for path, methods in document()["paths"].items():
        for method in methods:
            answer = await local.http.request(method, re.sub(r"{\w+}", "none", path))
            assert answer.status_code != 405, (method, path)
            assert "unknown_route" not in answer.text, (method, path)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_server_does_what_it_says(local: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise OutboundError("no network in this test", code="unreachable")

    monkeypatch.setattr(Outbound, "request", refuse)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION)]
    command += ["run", f"{local.server.base_url}/openapi.json"]
    for header in (f"Authorization: Bearer {local.server.api_key}", f"x-api-key: {local.server.api_key}"):
        command += ["--header", header]
    command += ["--no-color", "--max-examples", "3", "--seed", "1", "--generation-database", "none"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode(errors="replace").partition("FAILURES")[2][:6000]
