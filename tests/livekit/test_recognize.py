"""STT.recognize against a scripted HTTP server."""

from __future__ import annotations

import pytest
from livekit.agents import APIConnectOptions, APIError, APIStatusError

from livekit_pyai import STT
from tests.core.scripted_http import CANARY, Scripted, answering, hang_up, scripted

from .helpers import all_of, frames

ONCE = APIConnectOptions(max_retry=0, timeout=5.0)
AGAIN = APIConnectOptions(max_retry=2, retry_interval=0.0, timeout=5.0)


def hear(server: Scripted, **options: object) -> STT:
    return STT(api_key=CANARY, base_url=f"http://127.0.0.1:{server.port}", **options)  # type: ignore[arg-type]


async def test_a_recording_is_recognised():
    answer = answering(200, {"text": " Two oat lattes. ", "language": "en"}, x_request_id="req_7")
    async with scripted(answer) as server, hear(server, vocabulary=["latte"]) as stt:
        event = await stt.recognize(list(frames(1.0, rate=48000, channels=2)), conn_options=ONCE)
        words = event.alternatives[0]
        assert (words.text, words.language, event.request_id) == ("Two oat lattes.", "en", "req_7")
        assert words.end_time == pytest.approx(1.0, abs=0.01)
        body = server.requests[0].body
        assert b"RIFF" in body and b'name="vocabulary"\r\n\r\nlatte' in body and b'name="language"' not in body


async def test_a_refusal_is_tried_again_by_livekit():
    async with scripted(answering(503, {}), answering(200, {"text": "yes"})) as server, hear(server) as stt:
        event = await stt.recognize(next(frames(0.02)), conn_options=AGAIN)
        assert event.alternatives[0].text == "yes" and event.alternatives[0].language == "en"


async def test_what_the_service_may_have_taken_up_is_not_sent_twice():
    async with scripted(hang_up) as server, hear(server) as stt:
        with pytest.raises(APIError):
            await stt.recognize(list(frames(0.5)), conn_options=AGAIN)
        assert len(server.requests) == 1


async def test_a_wrong_key_is_one_request_without_the_key():
    refusal = answering(401, {"error": {"code": "unauthorized", "message": f"Unknown key {CANARY}"}})
    async with scripted(refusal) as server, hear(server) as stt:
        with pytest.raises(APIStatusError) as caught:
            await stt.recognize(list(frames(0.5)), conn_options=AGAIN)
        assert caught.value.status_code == 401 and len(server.requests) == 1
        assert CANARY not in all_of(caught.value)


async def test_an_empty_recording_is_one_clear_error():
    async with scripted(answering(200, {"text": ""})) as server, hear(server) as stt:
        with pytest.raises(APIError, match="pcm is empty"):
            await stt.recognize([], conn_options=AGAIN)
        assert not server.requests
