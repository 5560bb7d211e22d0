"""OpenTelemetry spans of both services, through Pipecat's own tracing."""

from __future__ import annotations

from pipecat.frames.frames import TranscriptionFrame, TTSStoppedFrame

from pipecat_pyai import PyAISTTService
from tests.core.scripted import KEY, answer_commits, scripted
from tests.core.scripted_http import CANARY, speaking
from tests.core.scripted_http import scripted as scripted_http
from tests.pipecat.conftest import Traced
from tests.pipecat.pipeline import running
from tests.pipecat.speaking import ONE, Script, speak, turn


async def test_a_transcript_and_a_sentence_are_spans_with_what_they_cost_and_without_the_key(traced: Traced) -> None:
    async with scripted(answer_commits) as hearing, scripted_http(Script({"One.": speaking(ONE)})) as speaking_server:
        stt = PyAISTTService(api_key=KEY, base_url=hearing.endpoint.base_url)
        async with running(stt, speak(speaking_server, voice="emma"), enable_tracing=True) as pipeline:
            await pipeline.say(0.5)
            await pipeline.until(TranscriptionFrame)
            await pipeline.send(*turn("One."))
            await pipeline.until(TTSStoppedFrame)
            await pipeline.end()
    spans = {span.name: span for span in traced()}
    heard, spoken = spans["stt"].attributes or {}, spans["tts"].attributes or {}
    assert heard["transcript"] == "16000 bytes"
    assert heard["gen_ai.request.model"] == "pyai-hear"
    assert any("usage" in name or "audio_seconds" in name for name in heard)
    assert spoken["text"] == "One."
    assert spoken["voice_id"] == "emma"
    assert not [span for span in traced() if KEY in span.to_json() or CANARY in span.to_json()]
