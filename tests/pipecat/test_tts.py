"""Speak in a real Pipecat pipeline: order, metrics, settings, interruption, lifecycle."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from inspect import signature

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    EndFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData, TTSUsageMetricsData
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from pipecat_pyai import PyAIHttpTTSService, PyAITTSService, PyAITTSSettings
from tests.core.scripted_http import CANARY, Peer, Reply, speaking
from tests.core.scripted_http import scripted as scripted_http
from tests.pipecat.conftest import Log
from tests.pipecat.pipeline import running
from tests.pipecat.speaking import ONE, THREE, TWO, Script, heard, order, speak, speaker, spoken, turn

# Construction


def test_every_argument_of_the_official_package_is_taken(log: Log) -> None:
    service = PyAITTSService(
        voice="stock_emma_en_gb",
        api_key=CANARY,
        base_url="https://api.pyai.com",
        model="pyai-speak",
        sample_rate=16000,
        aiohttp_session=object(),
        name="mouth",
    )
    assert service.name == "mouth"
    assert ["aiohttp_session" in text for text in log.of("DEBUG")].count(True) == 1
    assert PyAIHttpTTSService is PyAITTSService


def test_without_a_key_there_is_a_value_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="PYAI_API_KEY"):
        PyAITTSService(voice="stock_emma_en_gb")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sample_rate": 4000}, "sample_rate"),
        ({"settings": PyAITTSSettings(speed=9.0)}, "speed"),
        ({"speed": 1.2}, r"speed: .*settings=PyAITTSService.Settings\(speed=...\)"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        PyAITTSService(api_key=CANARY, **options)  # type: ignore[arg-type]


# A turn


async def test_a_turn_is_started_heard_in_order_and_stopped(log: Log) -> None:
    async with speaker({"One.": speaking(ONE), "Two.": speaking(TWO), "Three.": speaking(THREE)}) as (pipeline, script):
        await pipeline.send(*turn("One.", "Two.", "Three."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE + TWO + THREE
    kinds = (LLMFullResponseStartFrame, TTSStartedFrame, TTSAudioRawFrame, TTSTextFrame, TTSStoppedFrame)
    assert order(pipeline, *kinds, LLMFullResponseEndFrame) == [
        "LLMFullResponseStartFrame",
        "TTSStartedFrame",
        *["TTSAudioRawFrame", "TTSTextFrame"] * 3,
        "TTSStoppedFrame",
        "LLMFullResponseEndFrame",
    ]
    assert spoken(pipeline) == ["One.", "Two.", "Three."]
    assert sorted(script.texts) == ["One.", "Three.", "Two."], "each once, on two connections"
    assert log.of("WARNING", "ERROR", "CRITICAL") == []


@pytest.mark.skipif(find_spec("sentencex") is None, reason="Pipecat before 1.12 loads nltk's data from the network")
async def test_what_a_language_model_writes_is_spoken_by_sentences() -> None:
    async with speaker({"One.": speaking(ONE), "Two is the last": speaking(TWO)}) as (pipeline, script):
        words = [LLMTextFrame(word) for word in ("On", "e.", " Two", " is", " the last")]
        await pipeline.send(LLMFullResponseStartFrame(), *words, LLMFullResponseEndFrame())
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE + TWO
    assert spoken(pipeline) == ["One.", "Two is the last"]
    assert sorted(script.texts) == ["One.", "Two is the last"]


async def test_each_text_is_announced_before_its_audio_and_not_earlier() -> None:
    async with speaker({"One.": speaking(ONE), "Two.": speaking(TWO)}) as (pipeline, _):
        await pipeline.send(*turn("One.", "Two."))
        await pipeline.until(LLMFullResponseEndFrame)
    announced = [
        frame.text.strip() if isinstance(frame, AggregatedTextFrame) else "audio"
        for frame in pipeline.down
        if isinstance(frame, AggregatedTextFrame | TTSAudioRawFrame)
    ]
    assert announced == ["One.", "audio", "One.", "Two.", "audio", "Two."]


async def test_the_pipeline_s_rate_and_the_voice_are_asked_for() -> None:
    async with speaker({"One.": speaking(ONE)}, rate=16000, voice="stock_emma_en_gb") as (pipeline, script):
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    request = script.asked[0].json
    assert (request["sample_rate"], request["voice"], request["model"]) == (16000, "stock_emma_en_gb", "pyai-speak")
    assert request["response_format"] == "pcm"
    assert {frame.sample_rate for frame in pipeline.all(TTSAudioRawFrame)} == {16000}


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
async def test_any_rate_of_a_pipeline_gets_its_seconds(rate: int) -> None:
    async def second(peer: Peer) -> None:
        await speaking(bytes(2 * peer.json["sample_rate"]))(peer)

    async with speaker({"One.": second}, rate=rate) as (pipeline, script):
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert script.asked[0].json["sample_rate"] in (8000, 16000, 24000, 48000)
    assert len(heard(pipeline)) == pytest.approx(2 * rate, abs=200)


@pytest.mark.parametrize("size", [1, 3, 333])
async def test_whatever_the_chunks_the_samples_stay_whole(size: int) -> None:
    chunks = [ONE[at : at + size] for at in range(0, len(ONE), size)]
    async with speaker({"One.": speaking(*chunks)}) as (pipeline, _):
        await pipeline.send(*turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE
    assert {len(frame.audio) % 2 for frame in pipeline.all(TTSAudioRawFrame)} == {0}


async def test_a_speak_frame_is_a_turn_of_its_own() -> None:
    async with speaker({"One.": speaking(ONE), "Two.": speaking(TWO)}) as (pipeline, _):
        await pipeline.send(TTSSpeakFrame("One."), TTSSpeakFrame("Two."))
        await pipeline.until(TTSStoppedFrame, 2)
    assert (
        order(pipeline, TTSStartedFrame, TTSAudioRawFrame, TTSStoppedFrame)
        == [
            "TTSStartedFrame",
            "TTSAudioRawFrame",
            "TTSStoppedFrame",
        ]
        * 2
    )
    assert heard(pipeline) == ONE + TWO


@pytest.mark.parametrize("text", ["...", "?!", "\N{GRINNING FACE}", "\N{EM DASH}"])
async def test_text_without_a_word_is_harmless(text: str) -> None:
    async with speaker({"One.": speaking(ONE)}) as (pipeline, script):
        await pipeline.send(TTSSpeakFrame(text), *turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert script.texts == ["One."]
    assert heard(pipeline).strip(b"\0") == ONE.strip(b"\0")
    assert pipeline.errors == []


async def test_an_empty_text_is_harmless() -> None:
    async with speaker({"One.": speaking(ONE)}) as (pipeline, script):
        await pipeline.send(TTSSpeakFrame(""), TTSSpeakFrame("  \n"), *turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert script.texts == ["One."]
    assert pipeline.errors == []


async def test_text_that_is_not_to_be_spoken_stays_behind_the_audio_before_it() -> None:
    name = next(
        name for name in signature(TTSService).parameters if name in ("skip_text_types", "skip_aggregator_types")
    )
    async with speaker({"One.": speaking(ONE), "Two.": speaking(TWO)}, **{name: ["code"]}) as (pipeline, _):
        start, one, two, end = turn("One.", "Two.")
        await pipeline.send(start, one, AggregatedTextFrame("x = 1", "code"), two, end)
        await pipeline.until(LLMFullResponseEndFrame)
    texts = [
        frame.text.strip() if isinstance(frame, AggregatedTextFrame) else "audio"
        for frame in pipeline.down
        if isinstance(frame, TTSAudioRawFrame) or (isinstance(frame, AggregatedTextFrame) and frame.append_to_context)
    ]
    assert texts == ["audio", "One.", "x = 1", "audio", "Two."]


# One ahead


async def test_the_next_sentence_is_requested_while_the_current_one_comes_and_no_other() -> None:
    more = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(ONE[:2000])
        await more.wait()
        await peer.chunk(ONE[2000:])
        await peer.end()

    async def third(peer: Peer) -> None:
        assert more.is_set(), "asked for two ahead"
        await speaking(THREE)(peer)

    replies = {"One.": slow, "Two.": speaking(TWO), "Three.": third, "Four.": speaking(ONE)}
    async with speaker(replies) as (pipeline, script):
        await pipeline.send(*turn("One.", "Two.", "Three.", "Four."))
        await pipeline.until(TTSAudioRawFrame)
        await script.until(2)
        assert script.texts == ["One.", "Two."]
        assert heard(pipeline) == ONE[:2000]
        more.set()
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE + TWO + THREE + ONE
    assert spoken(pipeline) == ["One.", "Two.", "Three.", "Four."]


async def test_a_slow_first_byte_is_waited_for_while_the_sentence_before_is_heard() -> None:
    """So no first byte makes a hole, unless it takes longer than the sentence before."""
    happened: list[str] = []

    async def paced(peer: Peer) -> None:
        text = peer.json["input"].strip()
        happened.append(f"asked for {text}")
        await asyncio.sleep(0.2)
        await speaking(ONE, TWO, THREE)(peer)
        happened.append(f"end of {text}")

    async with speaker({"One.": paced, "Two.": paced, "Three.": paced}) as (pipeline, _):
        await pipeline.send(*turn("One.", "Two.", "Three."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert happened.index("asked for Two.") < happened.index("end of One.") < happened.index("asked for Three.")


# Interruption


async def test_an_interruption_ends_every_request_and_leaves_nothing_behind() -> None:
    gone = asyncio.Event()
    waiting = 0

    async def slow(peer: Peer) -> None:
        nonlocal waiting
        await peer.head()
        await peer.chunk(ONE)
        await peer.gone()
        waiting += 1
        if waiting == 2:
            gone.set()

    replies = {"One.": slow, "Two.": slow, "Three.": speaking(THREE), "Again.": speaking(TWO)}
    async with speaker(replies) as (pipeline, script):
        await pipeline.send(*turn("One.", "Two.", "Three."))
        await pipeline.until(TTSAudioRawFrame)
        await script.until(2)
        await pipeline.send(InterruptionFrame())
        async with asyncio.timeout(20):
            await gone.wait()
        await pipeline.send(*turn("Again."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert heard(pipeline) == ONE + TWO
    assert spoken(pipeline) == ["Again."]
    assert script.texts == ["One.", "Two.", "Again."]
    assert pipeline.errors == []


async def test_what_must_not_be_interrupted_is_heard_to_its_end() -> None:
    more = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(ONE[:2000])
        await more.wait()
        await peer.chunk(ONE[2000:])
        await peer.end()

    frame = TTSSpeakFrame("One.")
    if not hasattr(frame, "interruptible"):
        pytest.skip("Pipecat before 1.12 interrupts everything")
    frame.interruptible = False
    async with speaker({"One.": slow}) as (pipeline, _):
        await pipeline.send(frame)
        await pipeline.until(TTSAudioRawFrame)
        await pipeline.send(InterruptionFrame())
        await pipeline.until(InterruptionFrame)
        more.set()
        await pipeline.until(TTSStoppedFrame)
    assert heard(pipeline) == ONE
    assert spoken(pipeline) == ["One."]


async def test_an_aside_in_the_middle_of_a_turn_does_not_mix_with_it() -> None:
    replies: dict[str, Reply | list[Reply]] = {"One.": speaking(ONE), "Aside.": speaking(THREE), "Two.": speaking(TWO)}
    async with speaker(replies) as (pipeline, _):
        start, one, two, end = turn("One.", "Two.")
        await pipeline.send(start, one, TTSSpeakFrame("Aside."), two, end)
        await pipeline.until(TTSStoppedFrame, 2)
    by_turn: dict[str | None, bytes] = {}
    for frame in pipeline.all(TTSAudioRawFrame):
        by_turn[frame.context_id] = by_turn.get(frame.context_id, b"") + frame.audio
    assert list(by_turn.values()) == [ONE + TWO, THREE]


# Metrics


async def test_ttfb_and_usage_are_reported_for_each_request() -> None:
    async def late(peer: Peer) -> None:
        await asyncio.sleep(0.2)
        await speaking(TWO)(peer)

    async with speaker({"One.": speaking(ONE), "Two.": late}) as (pipeline, _):
        await pipeline.send(*turn("One.", "Two."))
        await pipeline.until(LLMFullResponseEndFrame)
    ttfb = [data.value for data in pipeline.metrics(TTFBMetricsData)]
    assert len(ttfb) == 2
    assert ttfb[1] >= 0.19
    assert [data.value for data in pipeline.metrics(TTSUsageMetricsData)] == [len("One."), len("Two.")]


# Settings


async def test_a_change_of_voice_model_and_speed_holds_from_the_next_sentence() -> None:
    async with speaker({"One.": speaking(ONE), "Two.": speaking(TWO)}, voice="emma") as (pipeline, script):
        start, one, two, end = turn("One.", "Two.")
        delta = PyAITTSSettings(voice="john", model="pyai-speak-2", speed=1.5)
        await pipeline.send(start, one, TTSUpdateSettingsFrame(delta=delta), two, end)
        await pipeline.until(LLMFullResponseEndFrame)
    assert [(peer.json["voice"], peer.json["model"], peer.json.get("speed")) for peer in script.asked] == [
        ("emma", "pyai-speak", None),
        ("john", "pyai-speak-2", 1.5),
    ]


async def test_a_voice_changed_with_pipecat_s_own_settings_is_obeyed() -> None:
    async with speaker({"One.": speaking(ONE)}) as (pipeline, script):
        await pipeline.send(TTSUpdateSettingsFrame(delta=TTSSettings(voice="john")), *turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert script.asked[0].json["voice"] == "john"


async def test_a_setting_that_speak_does_not_have_is_said(log: Log) -> None:
    async with speaker({"One.": speaking(ONE)}) as (pipeline, _):
        await pipeline.send(TTSUpdateSettingsFrame(delta=PyAITTSSettings(language="fr", voice="john")), *turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert ["language" in text and "voice" not in text for text in log.of("WARNING")] == [True]


async def test_a_wrong_setting_is_one_error_and_changes_nothing() -> None:
    async with speaker({"One.": speaking(ONE)}) as (pipeline, script):
        await pipeline.send(TTSUpdateSettingsFrame(delta=PyAITTSSettings(speed=99.0)), *turn("One."))
        await pipeline.until(LLMFullResponseEndFrame)
    assert [error.category for error in pipeline.errors] == [ErrorCategory.APPLICATION]
    assert "speed" not in script.asked[0].json
    assert heard(pipeline) == ONE


# The end


async def test_everything_said_before_the_end_is_heard() -> None:
    async with speaker({"One.": speaking(ONE), "Two.": speaking(TWO)}) as (pipeline, _):
        await pipeline.send(TTSSpeakFrame("One."), TTSSpeakFrame("Two."))
        await pipeline.end()
    assert heard(pipeline) == ONE + TWO
    assert isinstance(pipeline.down[-1], EndFrame)


async def test_the_end_in_the_middle_of_a_turn_does_not_wait_for_more_text() -> None:
    async with speaker({"One.": speaking(ONE), "Two.": speaking(TWO)}) as (pipeline, _):
        await pipeline.send(*turn("One.", "Two.")[:-1])
        await pipeline.until(TTSAudioRawFrame)
        async with asyncio.timeout(10):
            await pipeline.end()
    assert heard(pipeline).startswith(ONE)


async def test_cancelling_in_the_middle_of_a_sentence_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(ONE)
        await peer.gone()
        gone.set()

    async with scripted_http(Script({"One.": slow})) as server:
        service = speak(server)
        async with running(service) as pipeline:
            await pipeline.send(*turn("One."))
            await pipeline.until(TTSAudioRawFrame)
        await service.cleanup()
        async with asyncio.timeout(20):
            await gone.wait()
