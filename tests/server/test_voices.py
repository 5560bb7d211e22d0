"""Voices with samples, and cloned voices."""

from __future__ import annotations

import io
import wave
from typing import Any

import pytest

from pyai_voice.audio import AudioFormat, wav_bytes
from tests.server.conftest import Local
from tests.server.fakes import tone

CLONES = "/v1/voice/clones"
WAV = wav_bytes(tone(1.5), AudioFormat(16000))


async def test_every_voice_has_a_sample_that_needs_no_key(local: Local) -> None:
    for voice in (await local.get("/v1/voices")).json()["data"]:
        sample = await local.http.get(voice["preview_url"])
        assert (sample.status_code, sample.headers["content-type"]) == (200, "audio/wav")
        with wave.open(io.BytesIO(sample.content)) as file:
            assert (file.getframerate(), file.getnchannels()) == (24000, 1)
            assert file.getnframes() > 2400
        assert (await local.http.get(voice["preview_url"])).content == sample.content
    missing = await local.http.get("/v1/voices/stock_none/preview")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_a_clone_is_kept_listed_and_deleted(local: Local) -> None:
    answer = await local.post(CLONES, files={"file": ("me.wav", WAV)}, data={"name": "Me"})
    assert answer.status_code == 201
    clone = answer.json()
    assert {"object": "voice", "name": "Me", "status": "ready", "speakable": False}.items() <= clone.items()
    assert (clone["id"], clone["audio_seconds"]) == (clone["voice_id"], 1.5)
    assert (await local.get(CLONES)).json()["data"] == [clone]
    gone = await local.http.delete(f"{CLONES}/{clone['id']}", headers=local.bearer)
    assert (gone.status_code, gone.content) == (200, b"")
    assert (await local.get(CLONES)).json()["data"] == []
    again = await local.http.delete(f"{CLONES}/{clone['id']}", headers=local.bearer)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "not_found")


async def test_speaking_with_a_clone_is_refused_by_its_name(local: Local) -> None:
    clone = (await local.post(CLONES, files={"file": ("me.wav", WAV)}, data={"name": "Me"})).json()
    body = {"input": "hello", "voice": clone["id"]}
    answer = await local.post("/v1/audio/speech", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_parameter")
    assert answer.json()["error"]["param"] == "voice"
    assert "cloned voice" in answer.json()["error"]["message"]
    stranger = (await local.server.app.state.stores.keys.mint(("*",), organisation="org_other")).secret
    answer = await local.http.post("/v1/audio/speech", json=body, headers={"x-api-key": stranger})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_voice")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"files": {"file": ("a.wav", WAV)}}, "invalid_request"),
        ({"files": {"file": ("a.wav", WAV)}, "data": {"name": ""}}, "invalid_request"),
        ({"files": {"file": ("a.wav", WAV)}, "data": {"name": "x" * 101}}, "invalid_request"),
        ({"files": {"audio": ("a.wav", WAV)}, "data": {"name": "Me"}}, "invalid_request"),
        ({"files": {"file": ("a.wav", b"no sound")}, "data": {"name": "Me"}}, "invalid_audio"),
        ({"json": {"name": "Me"}}, "invalid_request"),
    ],
)
async def test_what_a_clone_cannot_be_made_of_is_refused(local: Local, form: dict[str, Any], code: str) -> None:
    answer = await local.post(CLONES, **form)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert (await local.get(CLONES)).json()["data"] == []
