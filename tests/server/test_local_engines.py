"""The server with its real engines: what Speak says, Hear understands."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from pyai_voice.server.engines.load import load_engines
from pyai_voice.server.serving import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORDINGS = Path(__file__).parents[3] / "shared" / "speech"
TEXT = "The train to the city leaves at nine."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Running]:
    engines = await load_engines()
    async with running(engines) as up:
        yield up
    await engines.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {server.api_key}"}
    async with httpx.AsyncClient(base_url=server.base_url, headers=headers, trust_env=False) as client:
        yield client


async def say(http: httpx.AsyncClient, response_format: str, sample_rate: int = 24000, **fields: str) -> bytes:
    body = {"input": TEXT, "response_format": response_format, "sample_rate": sample_rate, **fields}
    response = await http.post("/v1/audio/speech", json=body)
    assert response.status_code == 200
    return response.content


async def hear(server: Running, pcm: bytes, rate: int) -> str:
    """Stream audio as fast as it goes, commit, and return the words of all finals."""
    address = f"ws{server.base_url.removeprefix('http')}/v1/audio/transcriptions/stream"
    offered = ["pyai.v1", f"pyai-key.{server.api_key}"]
    async with connect(f"{address}?protocol=pyai-hear-v1&sample_rate={rate}", subprotocols=offered) as socket:
        for start in range(0, len(pcm), rate // 10):
            await socket.send(pcm[start : start + rate // 10])
        await socket.send('{"type":"commit"}')
        texts: list[str] = []
        async with asyncio.timeout(30):
            while True:
                message = json.loads(await socket.recv())
                if message["type"] == "final":
                    texts.append(message["text"])
                    if message["endpoint_reason"] == "client_commit":
                        return " ".join(texts).strip()


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
async def test_the_stream_understands_the_speech_at_any_rate(
    server: Running, http: httpx.AsyncClient, rate: int
) -> None:
    assert "train to the city" in (await hear(server, await say(http, "pcm", rate), rate)).lower()


@pytest.mark.parametrize("name", ["wav", "mp3", "opus", "aac", "flac"])
async def test_a_file_of_every_format_is_understood(http: httpx.AsyncClient, name: str) -> None:
    files = {"file": (f"speech.{name}", await say(http, name))}
    heard = (await http.post("/v1/audio/transcriptions", files=files)).json()["text"]
    assert "train to the city" in heard.lower()


@pytest.mark.conforms("S-08")
@pytest.mark.parametrize(
    "voice", ["alloy", "echo", "fable", "onyx", "nova", "shimmer", "marin", "cedar", "stock_emma_en_gb"]
)
async def test_every_preset_name_speaks(http: httpx.AsyncClient, voice: str) -> None:
    samples = np.frombuffer(await say(http, "pcm", voice=voice), np.int16)
    assert len(samples) / 24000 > 1
    assert np.abs(samples.astype(np.int32)).max() > 3000


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings beside the project")
async def test_a_human_recording_is_understood(http: httpx.AsyncClient) -> None:
    path = RECORDINGS / "coffee_01.wav"
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
    form = {"response_format": "verbose_json"}
    told = (await http.post("/v1/audio/transcriptions", files={"file": path.read_bytes()}, data=form)).json()
    assert "espresso" in told["text"].lower()
    assert told["duration"] == pytest.approx(seconds, abs=0.1)
    assert 0 <= told["segments"][0]["start"] < told["segments"][-1]["end"] <= seconds + 0.1
