"""The speech stream against a scripted Hear on a real socket: what LiveKit is told, in which order, with what in it."""

from __future__ import annotations

import time

import pytest
from livekit.agents import NOT_GIVEN, APIConnectOptions
from livekit.agents.metrics import STTMetrics

from livekit_pyai import STT
from tests.core.scripted import Peer, answer_commits, scripted, stay

from .helpers import (
    END,
    FINAL,
    INTERIM,
    PREFLIGHT,
    SECOND,
    START,
    USAGE,
    Arrivals,
    hear,
    is_end,
    is_final,
    kinds,
    push,
    rest,
    texts,
    until,
)


async def one_utterance(peer: Peer) -> None:
    """A second of audio, two partials, the endpoint."""
    await peer.hear_audio(SECOND)
    await peer.say(type="partial", text="two", utterance_id="u", t_ms=300)
    await peer.say(type="partial", text="two oat", utterance_id="u", t_ms=500)
    ending = {"utterance_id": "u", "t_ms": 1000, "audio_ms": 400, "endpoint_reason": "endpoint"}
    await peer.say(type="speech_final", text="two oat lattes", **ending)
    await peer.say(type="final", text="Two oat lattes.", language="en", **ending)
    await stay(peer)


async def test_one_utterance_in_livekits_order():
    async with scripted(one_utterance) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 1.0)
        events = await until(stream, is_end)
        assert kinds(events) == [START, INTERIM, INTERIM, PREFLIGHT, FINAL, END]
        assert texts(events, INTERIM) == ["two", "two oat"]
        assert texts(events, PREFLIGHT) == ["two oat lattes"]
        assert texts(events) == ["Two oat lattes."]
        assert {event.request_id for event in events} == {"s0"}
        assert {event.alternatives[0].language for event in events if event.alternatives} == {"en"}


async def test_times_are_on_the_sessions_clock_and_on_the_wall_clock():
    async with scripted(one_utterance) as server, hear(server) as stt, stt.stream() as stream:
        stream.start_time_offset = 100.0
        before = time.time()
        push(stream, 1.0)
        after = time.time()
        events = await until(stream, is_end)
        final, end = events[-2], events[-1]
        words = final.alternatives[0]
        # the server waited 0.5 s (config_ack) after 0.4 s of speech
        assert words.end_time == pytest.approx(100.5, abs=0.05)
        assert words.start_time == pytest.approx(100.1, abs=0.05)
        # audio position 1.0 was pushed last, position 0.5 half a second before it
        assert before - 0.55 <= end.speech_end_time <= after - 0.45
        assert final.speech_end_time == end.speech_end_time
        assert events[0].speech_start_time <= end.speech_end_time <= time.time()
        assert before - 1.05 <= stream.start_time <= after


async def test_a_pause_without_audio_counts_on_the_sessions_clock(monkeypatch: pytest.MonkeyPatch):
    async def two_halves(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        await peer.final("after the pause", "client_commit", t_ms=1000)
        await stay(peer)

    now = time.time()
    monkeypatch.setattr("livekit_pyai._sound.time.time", lambda: now)
    async with scripted(two_halves) as server, hear(server) as stt, stt.stream() as stream:
        for _ in range(25):
            now += 0.02
            push(stream, 0.02)
        now += 60.0  # push to talk: nothing was pushed for a minute
        for _ in range(25):
            now += 0.02
            push(stream, 0.02)
        final = (await until(stream, is_final))[-1]
        assert final.alternatives[0].end_time == pytest.approx(61.0, abs=0.05)
        assert final.speech_end_time == pytest.approx(now, abs=0.05)


async def test_an_empty_final_takes_the_partials_back_and_ends_the_speech():
    async def changes_its_mind(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 2)
        await peer.say(type="partial", text="uh", utterance_id="u", t_ms=300)
        await peer.say(type="final", text="", utterance_id="u", t_ms=500, endpoint_reason="endpoint")
        await peer.say(type="partial", text="yes", utterance_id="v", t_ms=500)
        await stay(peer)

    async with scripted(changes_its_mind) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 0.5)
        events = await until(stream, lambda event: event.type is INTERIM and event.alternatives[0].text == "yes")
        assert kinds(events) == [START, INTERIM, INTERIM, FINAL, END, START, INTERIM]
        assert texts(events, INTERIM) == ["uh", "", "yes"]
        assert texts(events) == [""]


async def test_flush_commits_once_and_an_empty_answer_releases_the_waiter():
    async def silence(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.say(type="final", text="", endpoint_reason="client_commit", utterance_id="u1")
        await stay(peer)

    async with scripted(silence) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 0.2)
        stream.flush()
        stream.flush()
        events = await until(stream, is_final)
        assert kinds(events) == [FINAL] and texts(events) == [""]
        assert len(server.peers[0].texts) == 1


async def test_flush_without_audio_asks_nothing_and_answers_at_once():
    async with scripted(stay) as server, hear(server) as stt, stt.stream() as stream:
        stream.flush()
        assert texts(await until(stream, is_final)) == [""]
        assert not server.peers or not server.peers[0].texts


async def test_end_of_input_waits_for_the_last_final():
    async with scripted(answer_commits) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 0.5)
        stream.end_input()
        events = await rest(stream)
        assert kinds(events) == [START, PREFLIGHT, FINAL, END]
        assert texts(events) == [f"{SECOND // 2} bytes"]
        assert len(server.peers[0].texts) == 1
        with pytest.raises(RuntimeError):
            push(stream, 0.02)


async def test_end_of_input_is_bounded_where_no_answer_comes():
    options = APIConnectOptions(max_retry=0, timeout=0.5)
    async with scripted(stay) as server, hear(server) as stt, stt.stream(conn_options=options) as stream:
        push(stream, 0.5)
        stream.end_input()
        assert kinds(await rest(stream)) == [FINAL]  # the commit is answered without words


async def test_end_of_input_without_audio_ends_at_once():
    async with scripted(stay) as server, hear(server) as stt, stt.stream() as stream:
        stream.end_input()
        assert kinds(await rest(stream)) == []


@pytest.mark.parametrize(
    ("language", "sent"),
    [("en-US", "en"), ("german", "de"), ("", None), ("auto", None), ("multi", None), (NOT_GIVEN, None)],
)
async def test_a_language_may_be_named_in_livekits_ways(language: str, sent: str | None):
    arrivals = Arrivals()
    async with scripted(arrivals.stay) as server, hear(server, language=language) as stt, stt.stream():
        assert (await arrivals.next()).query.get("language") == sent


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (24000, 1), (44100, 2), (48000, 1), (16000, 2)])
async def test_any_rate_and_channels_become_what_hear_was_told(rate: int, channels: int):
    async with scripted(answer_commits) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 1.0, rate=rate, channels=channels)
        stream.end_input()
        await rest(stream)
        assert server.peers[0].query["sample_rate"] == "16000"
        assert len(server.audio) == pytest.approx(SECOND, abs=640)
        middle = server.audio[SECOND // 2 : SECOND // 2 + 2]
        assert int.from_bytes(middle, "little", signed=True) == pytest.approx(1000, abs=20)


async def test_a_recording_may_be_pushed_at_once():
    async with scripted(answer_commits) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 45.0)
        stream.end_input()
        assert texts(await rest(stream)) == [f"{45 * SECOND} bytes"]


async def test_the_format_may_change_between_frames():
    async with scripted(answer_commits) as server, hear(server) as stt, stt.stream() as stream:
        push(stream, 0.5, rate=48000)
        push(stream, 0.5, rate=16000, channels=2)
        push(stream, 0.5, rate=24000)
        stream.end_input()
        await rest(stream)
        assert len(server.audio) == pytest.approx(1.5 * SECOND, abs=640)


async def test_options_reach_the_service_and_keyterms_come_after_the_users_own():
    arrivals = Arrivals()
    async with scripted(arrivals.stay) as server:
        stt = hear(server, language="de", vocabulary=["Flat White"], endpointing_ms=300, numerals=True)
        stt._update_session_keyterms(["Cortado", "Flat White"])
        async with stt, stt.stream(language="en"):
            query = (await arrivals.next()).query
            assert query["language"] == "en" and query["numerals"] == "true" and query["endpointing_ms"] == "300"
            assert query["vocabulary"] == '["Flat White","Cortado"]'


async def test_options_change_on_live_streams():
    arrivals = Arrivals()
    async with scripted(arrivals.stay) as server, hear(server) as stt, stt.stream():
        first = await arrivals.next()
        stt.update_options(endpointing_ms=250)
        stt.update_options(vocabulary=["Cortado"])
        second = await arrivals.next()
        assert first.texts[0] == {"type": "config", "endpointing_ms": 250}
        assert second.query["vocabulary"] == '["Cortado"]'
        assert second.query["endpointing_ms"] == "250"
        with pytest.raises(ValueError, match="endpointing_ms"):
            stt.update_options(endpointing_ms=1)


async def test_usage_and_connections_are_measured_and_a_replay_is_not_counted_twice():
    async def drops(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 2)
        peer.abort()

    metrics: list[STTMetrics] = []
    async with scripted(drops, answer_commits) as server, hear(server) as stt:
        stt.on("metrics_collected", metrics.append)
        async with stt.stream() as stream:
            push(stream, 1.0)
            stream.end_input()
            events = await rest(stream)
        usage = [event.recognition_usage.audio_duration for event in events if event.type is USAGE]
        assert sum(usage) == pytest.approx(1.0)
        assert sum(item.audio_duration for item in metrics) == pytest.approx(1.0)
        assert sum(1 for item in metrics if item.acquire_time) == 2
        assert {(item.metadata.model_name, item.metadata.model_provider) for item in metrics} == {("pyai-hear", "PyAI")}


def test_arguments_of_the_official_plugin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    stt = STT(
        api_key="pyai_test_abc",
        base_url="https://api.pyai.com",
        model="pyai-hear",
        language="",
        sample_rate=8000,
        http_session=None,
    )
    assert (stt.model, stt.provider) == ("pyai-hear", "PyAI")
    assert stt.capabilities.streaming and stt.capabilities.manual_flush and stt.capabilities.keyterms
    with pytest.raises(ValueError, match="PYAI_API_KEY"):
        STT()
    with pytest.raises(ValueError, match="sample_rate"):
        STT(api_key="pyai_test_abc", sample_rate=96000)
    monkeypatch.setenv("PYAI_API_KEY", "pyai_test_abc")
    assert STT().model == "pyai-hear"
