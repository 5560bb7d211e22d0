"""Hear and Speak in LiveKit against the local server and its real engines: what LiveKit asks of every provider."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import jiwer
import pytest
from livekit import rtc
from livekit.agents import Agent, function_tool
from livekit.agents.stt import RecognizeStream, SpeechEvent

from livekit_pyai import STT, TTS, turn_handling
from livekit_pyai.realtime import RealtimeModel
from pyai_voice.audio import read_wav
from pyai_voice.server.brain import Prompt, Thought
from pyai_voice.server.brain.scripted import call as tool_call
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import Running, running

from .headless import Call, call, calling
from .helpers import END, FINAL, START, kinds, rest, texts
from .omni import SlowSpeaker, told

SPEECH = Path(__file__).parents[3] / "shared" / "speech"
SENTENCE = "Please bring twenty five chairs to the meeting room on Thursday."


@pytest.fixture
async def server(engines: Engines) -> AsyncIterator[Running]:
    async with running(engines) as up:
        yield up


def address(server: Running) -> dict[str, str]:
    return {"api_key": server.api_key, "base_url": server.base_url}


def words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("25", "twenty five")).split())


async def spoken(server: Running, text: str) -> rtc.AudioFrame:
    async with TTS(**address(server)) as tts, tts.synthesize(text) as stream:
        return await stream.collect()


def pieces(frame: rtc.AudioFrame, seconds: float = 0.02) -> Iterator[rtc.AudioFrame]:
    """Cut a recording, with a second of silence after it, as a room gives it."""
    size = round(frame.sample_rate * seconds) * 2
    pcm = frame.data.tobytes() + bytes(frame.sample_rate * 2)
    for start in range(0, len(pcm) - size + 1, size):
        yield rtc.AudioFrame(pcm[start : start + size], frame.sample_rate, 1, size // 2)


async def listen(stream: RecognizeStream, frame: rtc.AudioFrame) -> list[SpeechEvent]:
    """Play a recording at four times its speed; return everything that was heard."""
    reading = asyncio.create_task(rest(stream))
    for piece in pieces(frame):
        stream.push_frame(piece)
        await asyncio.sleep(0.005)
    stream.end_input()
    return await reading


async def test_a_stream_as_livekits_own_suite_asks(server: Running):
    frame = await spoken(server, SENTENCE)
    async with STT(**address(server)) as stt, stt.stream() as stream:
        events = await listen(stream, frame)
    order = [kind for kind in kinds(events) if kind in (START, END)]
    assert order == [START, END] * (len(order) // 2) and order
    assert jiwer.wer(words(SENTENCE), words(" ".join(texts(events)))) <= 0.25
    for event in events:
        assert event.request_id
        assert all(data.language.lower().startswith("en") for data in event.alternatives)
    final = next(event.alternatives[0] for event in events if event.type is FINAL and event.alternatives[0].text)
    assert 0.0 <= final.start_time < final.end_time <= frame.duration + 1.0


async def test_a_recording_as_livekits_own_suite_asks(server: Running):
    frame = await spoken(server, SENTENCE)
    async with STT(**address(server)) as stt:
        event = await stt.recognize(list(pieces(frame)))
    assert event.type is FINAL and event.alternatives[0].language.lower().startswith("en")
    assert jiwer.wer(words(SENTENCE), words(event.alternatives[0].text)) <= 0.25


async def test_a_reply_is_what_was_written(server: Running):
    reply = "Two oat lattes, thank you. That will be nine pounds. Anything else for you today?"
    async with STT(**address(server)) as stt, TTS(**address(server)) as tts:
        async with tts.stream() as stream:
            for word in reply.split(" "):
                stream.push_text(f"{word} ")
            stream.end_input()
            heard = [audio.frame async for audio in stream]
        event = await stt.recognize(heard)
    assert jiwer.wer(words(reply), words(event.alternatives[0].text)) <= 0.25


@pytest.mark.skipif(not (SPEECH / "manifest.json").is_file(), reason="no recordings beside the project (shared/speech)")
async def test_a_person_is_understood_and_answered(server: Running):
    recordings = json.loads((SPEECH / "manifest.json").read_text(encoding="utf-8"))
    name = next(item["file"] for item in recordings if item.get("slots", {}).get("coffeeDrink") == "espresso")
    pcm, sound = read_wav(SPEECH / name)
    recording = rtc.AudioFrame(pcm, sound.rate, 1, len(pcm) // 2)
    async with STT(**address(server)) as stt, TTS(**address(server)) as tts:
        async with call(stt=stt, tts=tts, turn_handling=turn_handling()) as running_call:
            heard = await _order(running_call, recording)
            async with asyncio.timeout(40):
                await running_call.loudspeaker.played.wait()
            reply = rtc.AudioFrame(
                bytes(running_call.loudspeaker.pcm), 24000, 1, len(running_call.loudspeaker.pcm) // 2
            )
            event = await stt.recognize(reply)
    assert "espresso" in words(heard)
    assert "espresso" in words(event.alternatives[0].text)


class Shop(Agent):
    """Knows when the shop opens, and has a tool for orders."""

    def __init__(self) -> None:
        super().__init__(instructions="You are Mia of the tea shop. The tea shop opens at nine in the morning.")

    @function_tool
    async def order_status(self, order_number: int) -> str:
        """Tell the status of an order by its number."""
        return f"Order {order_number} was shipped on Monday."


async def test_omni_greets_understands_calls_a_tool_and_answers(server: Running):
    model = RealtimeModel(**address(server), greeting="Hello, this is the tea shop.")
    question = await spoken(server, "What is the status of order number seven?")
    speaker = SlowSpeaker()
    async with call(Shop(), llm=model, output=speaker) as running_call:
        assert "tea shop" in words((await running_call.reply()).text_content or "")
        heard = await _order(running_call, question)
        answer = await running_call.reply(within=40)
        async with asyncio.timeout(40):
            while "shipped" not in (answer.text_content or ""):
                answer = await running_call.reply()
        history = told(running_call.session.history)
    await model.aclose()
    assert "order" in words(heard)
    assert ("call", "order_status") in history and ("result", "Order 7 was shipped on Monday.") in history
    async with STT(**address(server)) as stt:
        pcm = bytes(speaker.pcm)
        event = await stt.recognize(rtc.AudioFrame(pcm, 24000, 1, len(pcm) // 2))
    assert (
        jiwer.wer("hello this is the tea shop order 7 was shipped on monday", words(event.alternatives[0].text)) <= 0.25
    )


STORY = (
    "Thank you, that is order number one. While you wait, let me tell you how coffee came into this town. "
    "It was a cold winter, and nobody had ever heard of it. Then a ship came up the river, and in it were forty sacks."
)


class Rules:
    """Answers what was said last, however often it is asked: a thought that came too early may be dropped."""

    name = "rules"

    async def think(self, prompt: Prompt) -> AsyncGenerator[Thought]:
        last = prompt.messages[-1]
        said = last.text.lower()
        if last.role == "tool":
            yield STORY
        elif "stop" in said:
            yield "All right."
        elif "large" in said:
            yield tool_call("place_order", order="a large latte")
        else:
            yield "What size would you like?"

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_the_omni_example_takes_an_order_places_it_and_stops_when_it_is_interrupted(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
):
    from examples.livekit_omni_agent import Barista, build

    async with running(engines, brain=Rules()) as server:
        monkeypatch.setenv("PYAI_API_KEY", server.api_key)
        monkeypatch.setenv("PYAI_BASE_URL", server.base_url)
        latte, large, stop = [
            await spoken(server, text)
            for text in ("I would like a latte, please.", "A large one, please.", "Stop, please, that is enough.")
        ]
        speaker = SlowSpeaker()
        async with calling(build(), Barista(), speaker) as order:
            assert (await order.reply()).text_content == "Hello! What can I get you?"
            assert "latte" in (await _order(order, latte)).lower()
            assert (await order.reply()).text_content == "What size would you like?"
            speaker.playing.clear()
            assert "large" in (await _order(order, large)).lower()
            await speaker.playing.wait()
            await asyncio.sleep(1.5)  # the caller listens
            speaker.done.clear()
            interrupting = asyncio.create_task(_order(order, stop))
            story = await order.reply(within=40)
            assert (await order.reply(within=40)).text_content == "All right."
            await interrupting
            history = told(order.session.history)
        assert order.session.userdata.placed == ["a large latte"]
        assert isinstance(order.session.llm, RealtimeModel)
        await order.session.llm.aclose()
    assert [who for who, _ in history] == [
        *("assistant", "user", "assistant", "user", "call", "result", "assistant", "user", "assistant")
    ]
    heard = story.text_content or ""
    assert story.interrupted and heard and STORY.startswith(heard) and len(heard) < len(STORY) / 2


async def _order(running_call: Call, recording: rtc.AudioFrame) -> str:
    """Play a recording in real time; return what the session took for said."""
    said = asyncio.create_task(running_call.user(within=40))
    due = asyncio.get_running_loop().time()
    for piece in pieces(recording):
        running_call.microphone.play(piece)
        due += piece.duration
        await asyncio.sleep(due - asyncio.get_running_loop().time())
    return (await said).text_content or ""
