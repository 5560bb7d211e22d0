"""Speak in LiveKit against a scripted HTTP server on a real socket."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, APITimeoutError
from livekit.agents.metrics import TTSMetrics
from livekit.agents.tts import ChunkedStream, SynthesizedAudio, SynthesizeStream, TTSError

from livekit_pyai import TTS
from tests.core.scripted_http import CANARY, Peer, Scripted, answering, hang, scripted, speaking

from .helpers import all_of

QUICK = APIConnectOptions(max_retry=3, retry_interval=0.0, timeout=0.5)
ONCE = APIConnectOptions(max_retry=0, timeout=5.0)
THREE = "The first sentence is here. The second sentence follows it. The third sentence ends it."


def pcm(seconds: float, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * round(24000 * seconds)


def speak(server: Scripted, **options: object) -> TTS:
    return TTS(api_key=CANARY, base_url=f"http://127.0.0.1:{server.port}", **{"voice": "emma", **options})  # type: ignore[arg-type]


async def listen(stream: ChunkedStream | SynthesizeStream) -> list[SynthesizedAudio]:
    async with asyncio.timeout(30), stream:
        return [audio async for audio in stream]


def sound(heard: list[SynthesizedAudio]) -> bytes:
    return b"".join(bytes(audio.frame.data) for audio in heard)


def say(tts: TTS, text: str, options: APIConnectOptions = ONCE) -> SynthesizeStream:
    """A reply whose text comes word by word."""
    stream = tts.stream(conn_options=options)
    for word in text.split(" "):
        stream.push_text(f"{word} ")
    stream.end_input()
    return stream


def texts(server: Scripted) -> list[str]:
    return [request.json["input"].strip() for request in server.requests]


async def test_one_text_is_one_request_and_every_sample_comes_once():
    audio = bytes(range(256)) * 200
    cut = [audio[:1], audio[1:778], audio[778:10001], audio[10001:]]
    metrics: list[TTSMetrics] = []
    async with scripted(speaking(*cut)) as server, speak(server, sample_rate=16000) as tts:
        tts.on("metrics_collected", metrics.append)
        heard = await listen(tts.synthesize("Hello there."))
        assert sound(heard) == audio
        assert [audio.is_final for audio in heard] == [False] * (len(heard) - 1) + [True]
        assert {audio.request_id for audio in heard} == {"req_1"}
        assert server.requests[0].json == {
            "model": "pyai-speak",
            "input": "Hello there.",
            "voice": "emma",
            "response_format": "pcm",
            "sample_rate": 16000,
        }
        assert {audio.frame.sample_rate for audio in heard} == {16000}
    assert len(metrics) == 1
    assert metrics[0].characters_count == len("Hello there.") and metrics[0].ttfb > 0
    assert (metrics[0].metadata.model_name, metrics[0].metadata.model_provider) == ("pyai-speak", "PyAI")


async def failing(tts: TTS, stream: ChunkedStream | SynthesizeStream) -> tuple[APIError, list[TTSError]]:
    """Listen to what must fail; return its error and what the application was told."""
    told: list[TTSError] = []
    tts.on("error", told.append)
    with pytest.raises(APIError) as caught:
        await listen(stream)
    return caught.value, told


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_server_that_stops_responding_is_a_timeout_on_every_attempt(streamed: bool):
    async with scripted(hang) as server, speak(server) as tts:
        stream = say(tts, "Hello there.", QUICK) if streamed else tts.synthesize("Hello.", conn_options=QUICK)
        error, told = await failing(tts, stream)
        assert isinstance(error, APITimeoutError)
        assert [item.recoverable for item in told] == [True, True, True, False]
        assert len(server.requests) == 4


@pytest.mark.parametrize("streamed", [False, True])
async def test_audio_that_is_cut_is_never_played_twice(streamed: bool):
    audio = pcm(1.0)

    async def cut(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(audio)
        await asyncio.sleep(0)
        peer.abort()

    heard: list[SynthesizedAudio] = []
    async with scripted(cut) as server, speak(server) as tts:
        stream = say(tts, "Hello there.", QUICK) if streamed else tts.synthesize("Hello.", conn_options=QUICK)
        async with asyncio.timeout(20), stream:
            with pytest.raises(APIError) as caught:
                async for piece in stream:
                    heard.append(piece)
        assert not caught.value.retryable
        assert len(server.requests) == 1
        assert len(sound(heard)) <= len(audio)


@pytest.mark.parametrize("fault", [answering(503, {"error": {"message": "busy"}}), answering(429, {}, retry_after="1")])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refused_request_is_tried_again_by_the_core(fault, streamed: bool):
    told: list[TTSError] = []
    async with scripted(fault, speaking(pcm(0.5))) as server, speak(server) as tts:
        tts.on("error", told.append)
        heard = await listen(say(tts, "Hello there.") if streamed else tts.synthesize("Hello.", conn_options=ONCE))
        assert sound(heard) == pcm(0.5)
        assert len(server.requests) == 2
    assert not told


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_wrong_key_is_one_request_and_one_error_without_the_key(streamed: bool):
    refusal = {"error": {"code": "unauthorized", "message": f"Unknown key {CANARY}"}}
    async with scripted(answering(401, refusal, x_request_id="req_9")) as server, speak(server) as tts:
        stream = say(tts, "Hello there.", QUICK) if streamed else tts.synthesize("Hello.", conn_options=QUICK)
        error, told = await failing(tts, stream)
        assert isinstance(error, APIStatusError)
        assert (error.status_code, error.retryable, error.request_id) == (401, False, "req_9")
        assert [item.recoverable for item in told] == [False]
        assert len(server.requests) == 1
        assert CANARY not in all_of(error)


async def test_what_is_not_the_audio_is_an_error_that_says_what_came():
    cases = {
        "unknown_voice": answering(400, {"error": {"code": "unknown_voice", "message": "voice: no such voice"}}),
        "JSON": answering(200, {"hello": "world"}),
        "wav": speaking(b"RIFF\0\0\0\0WAVEfmt " + bytes(400), content_type="audio/wav"),
    }
    for word, answer in cases.items():
        async with scripted(answer) as server, speak(server) as tts:
            error, told = await failing(tts, tts.synthesize("Hello.", conn_options=ONCE))
            assert word.lower() in f"{error}".lower()
            assert len(told) == 1


async def test_sentences_are_requests_of_their_own_in_one_segment():
    answers = [speaking(pcm(0.3, number)) for number in (1, 2, 3)]
    metrics: list[TTSMetrics] = []
    async with scripted(*answers) as server, speak(server) as tts:
        tts.on("metrics_collected", metrics.append)
        heard = await listen(say(tts, THREE))
        assert sound(heard) == pcm(0.3, 1) + pcm(0.3, 2) + pcm(0.3, 3)
        assert [audio.is_final for audio in heard].count(True) == 1 and heard[-1].is_final
        assert len({audio.segment_id for audio in heard}) == 1
        assert texts(server) == [
            "The first sentence is here.",
            "The second sentence follows it.",
            "The third sentence ends it.",
        ]
    assert len(metrics) == 1 and metrics[0].characters_count == len(THREE) + 1 and metrics[0].ttfb > 0


async def test_the_next_sentence_is_fetched_while_one_plays_and_only_that_one():
    asked: list[str] = []
    second_asked, third_asked = asyncio.Event(), asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.head()
        await peer.chunk(pcm(0.2, 1))
        await second_asked.wait()  # without a sentence ahead, this would wait for ever
        assert not third_asked.is_set()
        await peer.end()

    async def second(peer: Peer) -> None:
        second_asked.set()
        await peer.head()
        await peer.chunk(pcm(0.2, 2))
        await third_asked.wait()
        await peer.end()

    async def third(peer: Peer) -> None:
        asked.append("third")
        third_asked.set()
        await speaking(pcm(0.2, 3))(peer)

    async with scripted(first, second, third) as server, speak(server) as tts:
        heard = await listen(say(tts, THREE))
        assert sound(heard) == pcm(0.2, 1) + pcm(0.2, 2) + pcm(0.2, 3)


async def test_sentences_come_in_order_even_if_the_second_is_there_first():
    second_done = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await second_done.wait()
        await speaking(pcm(0.2, 1))(peer)

    async def fast(peer: Peer) -> None:
        await speaking(pcm(0.2, 2))(peer)
        second_done.set()

    async with scripted(slow, fast, speaking(pcm(0.2, 3))) as server, speak(server) as tts:
        heard = await listen(say(tts, THREE))
        assert sound(heard) == pcm(0.2, 1) + pcm(0.2, 2) + pcm(0.2, 3)


async def test_no_hole_between_sentences_whose_first_byte_takes_long():
    async def late(peer: Peer) -> None:
        await asyncio.sleep(0.4)
        await speaking(pcm(1.5))(peer)

    played_until = holes = 0.0
    now = asyncio.get_running_loop().time
    async with scripted(late) as server, speak(server) as tts, asyncio.timeout(30), say(tts, THREE) as stream:
        async for audio in stream:
            holes += max(0.0, now() - played_until) if played_until else 0.0
            played_until = max(played_until, now()) + audio.frame.duration
    assert holes < 0.1


async def test_a_later_sentence_that_fails_unheard_is_left_out_and_reported():
    fault = answering(400, {"error": {"code": "invalid_request", "message": "input: not this sentence"}})
    told: list[TTSError] = []
    async with scripted(speaking(pcm(0.2, 1)), fault, speaking(pcm(0.2, 3))) as server, speak(server) as tts:
        tts.on("error", told.append)
        heard = await listen(say(tts, THREE))
        assert sound(heard) == pcm(0.2, 1) + pcm(0.2, 3)
        assert len(server.requests) == 3
    assert [item.recoverable for item in told] == [True]
    assert "not this sentence" in str(told[0].error)


async def test_a_later_sentence_that_is_cut_unheard_is_asked_for_again():
    async def lost(peer: Peer) -> None:
        peer.abort()

    answers = [speaking(pcm(0.2, 1)), lost, speaking(pcm(0.2, 2)), speaking(pcm(0.2, 3))]
    two = "The first sentence is here. The second sentence follows it."
    async with scripted(*answers) as server, speak(server) as tts:
        heard = await listen(say(tts, two))
        assert sound(heard) == pcm(0.2, 1) + pcm(0.2, 2)


async def test_text_without_words_is_harmless():
    async with scripted(speaking(pcm(0.2))) as server, speak(server) as tts:
        assert await listen(say(tts, "")) == []
        assert await listen(say(tts, "   \n ")) == []
        for silent in (say(tts, "... !? \N{SPARKLES}"), tts.synthesize("?!", conn_options=ONCE)):
            heard = await listen(silent)
            assert sum(audio.frame.duration for audio in heard) == pytest.approx(0.02)
        assert not server.requests
        assert sound(await listen(say(tts, "Well. ..."))) == pcm(0.2)
        error, _ = await failing(tts, tts.synthesize("", conn_options=ONCE))
        assert "text" in str(error) and not error.retryable


async def test_a_very_long_sentence_is_spoken_in_parts():
    words = "word " * 4000
    async with scripted(speaking(pcm(0.1))) as server, speak(server) as tts:
        heard = await listen(say(tts, words))
        assert "".join(texts(server)).count("word") == 4000
        assert max(map(len, texts(server))) <= 500
        assert len(sound(heard)) == len(server.requests) * len(pcm(0.1))


async def test_interruption_drops_the_connections_at_once():
    both_asked, gone = asyncio.Event(), [asyncio.Event(), asyncio.Event()]

    def endless(number: int):
        async def reply(peer: Peer) -> None:
            await peer.head()
            await peer.chunk(pcm(0.5))
            if number == 1:
                both_asked.set()
            await peer.gone()
            gone[number].set()

        return reply

    async with scripted(endless(0), endless(1)) as server, speak(server) as tts, asyncio.timeout(20):
        async with say(tts, THREE) as stream:
            await anext(stream)
            await both_asked.wait()
        for event in gone:
            await event.wait()


async def test_a_warm_connection_is_used():
    models = answering(200, {"data": []})
    async with scripted(models, speaking(pcm(0.2))) as server, speak(server) as tts, asyncio.timeout(20):
        before = asyncio.all_tasks()
        tts.prewarm()
        await asyncio.gather(*(asyncio.all_tasks() - before))
        await listen(tts.synthesize("Hello.", conn_options=ONCE))
        await listen(say(tts, "Hello again."))
        assert server.connections == 1


async def test_options_change_for_what_comes_next():
    async with scripted(speaking(pcm(0.1))) as server, speak(server) as tts:
        tts.update_options(voice="liam", model="pyai-speak-2", speed=1.25)
        await listen(say(tts, "Hello there."))
        asked = server.requests[0].json
        assert (asked["voice"], asked["model"], asked["speed"]) == ("liam", "pyai-speak-2", 1.25)
        assert tts.model == "pyai-speak-2"
        with pytest.raises(ValueError, match="speed"):
            tts.update_options(speed=9.0)


async def test_no_tokenizer_is_the_usual_one():
    async with scripted(speaking(pcm(0.1))) as server, speak(server, tokenizer=None) as tts:
        await listen(say(tts, THREE))
        assert len(texts(server)) == 3


def test_arguments_of_the_official_plugin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    tts = TTS(
        voice="stock_emma_en_gb",
        api_key="pyai_test_abc",
        base_url="https://api.pyai.com",
        model="pyai-speak",
        sample_rate=8000,
        http_session=None,
    )
    assert (tts.model, tts.provider, tts.sample_rate, tts.num_channels) == ("pyai-speak", "PyAI", 8000, 1)
    assert tts.capabilities.streaming
    with pytest.raises(ValueError, match="PYAI_API_KEY"):
        TTS(voice="emma")
    with pytest.raises(ValueError, match="voice"):
        TTS(voice="", api_key="pyai_test_abc")
    with pytest.raises(ValueError, match="sample_rate"):
        TTS(voice="emma", api_key="pyai_test_abc", sample_rate=96000)


async def test_a_closed_port_is_a_connection_error():
    async with scripted(hang) as server:
        port = server.port
    tts = TTS(voice="emma", api_key=CANARY, base_url=f"http://127.0.0.1:{port}")
    options = APIConnectOptions(max_retry=0, timeout=0.5)
    error, told = await failing(tts, tts.synthesize("Hello.", conn_options=options))
    assert isinstance(error, APIConnectionError) and len(told) == 1
    await tts.aclose()
