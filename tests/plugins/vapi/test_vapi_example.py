"""The example as its user runs it: the assistant's addresses called as Vapi calls them, the local server behind it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI
from starlette.applications import Starlette
from websockets.asyncio.client import connect

from demo.brain.server import app as brain
from demo.house import teach
from examples.vapi_server import build
from pyai_voice.client import Client
from pyai_voice.server.engines.load import load_engines
from pyai_voice.server.serving import bind, running, serving
from pyai_voice.server.settings import Settings
from tests.plugins.vapi.vapi_house import (
    CALL,
    SECRET,
    START,
    endpointing_request,
    knowledge_request,
    stereo,
    voice_request,
)

ASSISTANT = Path(__file__).resolve().parents[3] / "examples" / "vapi_assistant.json"
ASKED = "When do you open on Sundays?"
RATE = 16000


@pytest.fixture
async def host(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str]:
    """Where the example runs; the local server with its real engines and the offline brain behind it."""
    engines = await load_engines()
    try:
        async with running(engines) as pyai, serving(brain, Settings(), bind()) as (_, model):
            for name, value in {
                "PYAI_API_KEY": pyai.api_key,
                "PYAI_BASE_URL": pyai.base_url,
                "OPENAI_BASE_URL": f"{model}/v1",
                "OPENAI_API_KEY": "none",
                "VAPI_SECRET": SECRET,
            }.items():
                monkeypatch.setenv(name, value)
            monkeypatch.delenv("OPENAI_MODEL", raising=False)
            async with Client() as client:
                await teach(client)
            example = build()
            async with _alive(example), serving(example, Settings(), bind()) as (_, url):
                yield url.removeprefix("http://")
    finally:
        await engines.aclose()


def test_the_page_shows_the_assistant_of_the_example() -> None:
    page = (ASSISTANT.parents[1] / "docs" / "vapi.md").read_text("utf-8")
    shown = set().union(
        *(_paths(json.loads(f"{{{block}}}")) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    )
    in_the_example = _paths(json.loads(ASSISTANT.read_text("utf-8").replace("YOUR-HOST/vapi", "YOUR-HOST")))
    assert shown == {path for path in in_the_example if path[0] not in ("name", "firstMessage")}


def _paths(value: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return where everything is; addresses, providers and numbers with what they say."""
    if isinstance(value, dict):
        return set().union(*(_paths(each, (*above, name)) for name, each in value.items()))
    told = isinstance(value, int) or (isinstance(value, str) and above[-1] in ("url", "provider"))
    return {(*above, str(value))} if told else {above}


def _alive(app: Starlette) -> Any:
    """Run what the application does when its server begins and ends."""
    return app.router.lifespan_context(app)


@pytest.mark.timeout(120)
async def test_the_assistant_of_the_example_speaks_hears_waits_knows_and_thinks(host: str) -> None:
    assistant = json.loads(ASSISTANT.read_text("utf-8").replace("https://", "http://").replace("wss://", "ws://"))
    assistant = json.loads(json.dumps(assistant).replace("YOUR-HOST", host))
    async with httpx.AsyncClient(headers={"X-Vapi-Secret": SECRET}, trust_env=False, timeout=30) as vapi:
        said = await speak(vapi, assistant)
        heard = await hear(vapi, assistant, said)
    assert "sunday" in heard["transcript"].lower()
    assert heard["wait"] == 0
    assert any("two in the afternoon" in document["content"] for document in heard["documents"])
    assert "cappuccino" in (await think(assistant["model"], "I would like a large cappuccino, please.")).lower()


async def speak(vapi: httpx.AsyncClient, assistant: dict[str, Any]) -> bytes:
    """Have the voice say the caller's line: it serves as the caller's as well."""
    voice = assistant["voice"]
    response = await vapi.post(voice["server"]["url"], json=voice_request(ASKED, RATE, assistant=assistant))
    assert response.status_code == 200
    assert 1 < len(response.content) / 2 / RATE < 6
    return response.content


async def hear(vapi: httpx.AsyncClient, assistant: dict[str, Any], line: bytes) -> dict[str, Any]:
    """Have it transcribed; ask, once it is, how long to wait and what is known, while the call goes on."""
    address = f"{assistant['transcriber']['server']['url']}?call_id={CALL}"
    async with connect(address, additional_headers={"X-Vapi-Secret": SECRET}) as socket, asyncio.timeout(60):
        await socket.send(json.dumps(START))
        audio = stereo(line + bytes(2 * RATE * 3))
        for at in range(0, len(audio), 1280):
            await socket.send(audio[at : at + 1280])
        message: dict[str, str] = {}
        while message.get("transcriptType") != "final":
            message = json.loads(await socket.recv())
        transcript = message["transcription"]
        turns = assistant["startSpeakingPlan"]["smartEndpointingPlan"]["server"]["url"]
        knowledge = assistant["model"]["knowledgeBase"]["server"]["url"]
        waits = await vapi.post(turns, json=endpointing_request(transcript))
        documents = await vapi.post(knowledge, json=knowledge_request(transcript))
    return {
        "transcript": transcript,
        "wait": waits.json()["timeoutSeconds"],
        "documents": documents.json()["documents"],
    }


async def think(model: dict[str, Any], text: str) -> str:
    """Ask the model as Vapi does: with OpenAI's client, the URL as its base, the secret as its key."""
    async with AsyncOpenAI(base_url=model["url"], api_key=SECRET, max_retries=0) as client:
        chunks = await client.chat.completions.create(
            model=model["model"], messages=[*model["messages"], {"role": "user", "content": text}], stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])
