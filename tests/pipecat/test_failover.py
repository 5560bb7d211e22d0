"""Pipecat's own failover believes our errors: a refused service is left for the next one."""

from __future__ import annotations

from pipecat.frames.frames import LLMFullResponseEndFrame, TranscriptionFrame, TTSStoppedFrame
from pipecat.pipeline.service_switcher import ServiceSwitcher, ServiceSwitcherStrategyFailover

from pipecat_pyai import PyAISTTService
from tests.core.scripted import KEY, answer_commits, scripted, stay
from tests.core.scripted_http import answering, speaking
from tests.core.scripted_http import scripted as scripted_http
from tests.pipecat.pipeline import Happenings, running
from tests.pipecat.speaking import TWO, Script, heard, speak, spoken, turn

BAD_KEY = b'{"error": {"message": "Unknown key", "code": "unauthorized"}}'


async def test_a_refused_hear_is_left_for_another() -> None:
    async with scripted(stay, refusals=[(401, {}, BAD_KEY)] * 9) as refusing, scripted(answer_commits) as good:
        services = [PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url) for server in (refusing, good)]
        switcher = ServiceSwitcher(services=[*services], strategy_type=ServiceSwitcherStrategyFailover)
        happened = Happenings(switcher.strategy, "on_service_switched")
        async with running(switcher) as pipeline:
            await happened.until("on_service_switched")
            await pipeline.say(0.4)
            final = await pipeline.until(TranscriptionFrame)
    assert final.text == "12800 bytes"
    assert refusing.dials == 1


async def test_a_refused_speak_is_left_for_another() -> None:
    refusal = answering(401, {"error": {"message": "Unknown key", "code": "unauthorized"}})
    async with scripted_http(Script({"One.": refusal})) as bad, scripted_http(Script({"Two.": speaking(TWO)})) as good:
        services = [speak(bad), speak(good)]
        switcher = ServiceSwitcher(services=[*services], strategy_type=ServiceSwitcherStrategyFailover)
        happened = Happenings(switcher.strategy, "on_service_switched")
        async with running(switcher) as pipeline:
            await pipeline.send(*turn("One."))
            await happened.until("on_service_switched")
            await pipeline.until(LLMFullResponseEndFrame)
            await pipeline.send(*turn("Two."))
            await pipeline.until(TTSStoppedFrame, 2)
    assert heard(pipeline) == TWO
    assert spoken(pipeline) == ["Two."]
