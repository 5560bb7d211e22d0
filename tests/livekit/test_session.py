"""Hear and Speak inside a real AgentSession, without a room."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
from livekit.agents import Agent, APIConnectOptions, APIStatusError, CloseReason, ErrorEvent
from livekit.agents.stt import STTError
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import pyai

from tests.core.scripted import Peer, answer_commits, scripted, stay
from tests.core.scripted_http import CANARY, Scripted, speaking
from tests.core.scripted_http import scripted as scripted_http

from .headless import Echo, call
from .helpers import END, FINAL, SECOND, hear, is_end, kinds, push, texts, until
from .loud import LoudVAD

TURNS = pyai.turn_handling()


def speak(server: Scripted) -> pyai.TTS:
    return pyai.TTS(voice="emma", api_key=CANARY, base_url=f"http://127.0.0.1:{server.port}")


async def say(peer: Peer, seconds: float, text: str, **more: object) -> None:
    """Wait for so much audio, then end the utterance as the service does."""
    await peer.hear_audio(round(seconds * SECOND))
    name = f"u{len(peer.audio)}"
    ending = {"text": text, "utterance_id": name, "t_ms": round(seconds * 1000), "endpoint_reason": "endpoint", **more}
    await peer.say(type="partial", text=text, utterance_id=name, t_ms=ending["t_ms"])
    await peer.say(type="speech_final", **ending)
    await peer.say(type="final", **ending)


async def test_a_turn_is_heard_answered_and_spoken():
    async def two_turns(peer: Peer) -> None:
        await say(peer, 1.0, "Two oat lattes.")
        await say(peer, 2.0, "That is all.")
        await stay(peer)

    voice = b"\x07\x00" * 24000
    async with scripted(two_turns) as server, scripted_http(speaking(voice)) as speaker:
        stt, tts = hear(server), speak(speaker)
        async with stt, tts, call(stt=stt, tts=tts, turn_handling=TURNS) as running, asyncio.timeout(30):
            running.microphone.speak(1.0)
            assert (await running.user()).text_content == "Two oat lattes."
            await running.loudspeaker.played.wait()
            running.microphone.speak(1.0)
            message = await running.user()
            assert message.text_content == "That is all."
            assert message.metrics.get("transcription_delay", 0.0) >= 0.0
            assert bytes(running.loudspeaker.pcm).startswith(voice)
            asked = [request.json["input"].strip() for request in speaker.requests if request.body]
            assert asked[0] == "You said: Two oat lattes."
        used = {row.type: row for row in running.session.usage.model_usage}
        assert used["stt_usage"].audio_duration > 1.9 and used["stt_usage"].provider == "PyAI"
        assert used["tts_usage"].characters_count > 0


@pytest.mark.parametrize(
    ("turns", "session", "agent", "said"),
    [
        ("cue", TURNS, {}, "Hear ends turns (cue)"),
        (
            "cue",
            {},
            {},
            "LiveKit ends turns (TurnDetector); turn_handling=pyai.turn_handling(stt) would leave them to cue",
        ),
        ("framework", {"turn_detection": None}, {}, "LiveKit ends turns (its own choice)"),
        ("framework", {"turn_detection": "realtime_llm"}, {"turn_detection": "stt"}, "Hear ends turns (framework)"),
        ("client", {"turn_detection": "manual"}, {}, "The program ends turns"),
    ],
)
async def test_the_log_says_who_ends_turns_as_the_session_decides(
    turns: str, session: dict[str, Any], agent: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    async with scripted(stay) as server, hear(server, turns=turns) as stt:
        async with call(Agent(instructions="Echo.", **agent), stt=stt, turn_handling=session):
            pass
    told = [record.getMessage() for record in caplog.records if record.name == "livekit.plugins.pyai"]
    assert [line for line in told if "ends turns" in line] == [said]


async def test_the_silence_that_hear_waited_is_credited_to_the_session():
    """The session would wait 20 s after the words; they ended 24 s before what was pushed last."""

    async def long_silence(peer: Peer) -> None:
        await peer.hear_audio(25 * SECOND)
        ending = {"text": "Hello.", "utterance_id": "u", "t_ms": 25_000, "endpoint_reason": "endpoint"}
        await peer.say(type="config_ack", endpointing_ms=24_000, warnings=[])
        await peer.say(type="partial", text="Hello", utterance_id="u", t_ms=900)
        await peer.say(type="final", **ending)
        await stay(peer)

    turns = pyai.turn_handling(endpointing={"min_delay": 20.0, "max_delay": 20.0})
    async with scripted(long_silence) as server, hear(server) as stt:
        async with call(stt=stt, turn_handling=turns) as running, asyncio.timeout(15):
            running.microphone.speak(25.0)
            assert (await running.user()).text_content == "Hello."


async def test_the_reply_is_prepared_before_the_final():
    brain = Echo()

    async def eager(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        ending = {"text": "Two oat lattes.", "utterance_id": "u", "t_ms": 900, "endpoint_reason": "endpoint"}
        await peer.say(type="speech_final", **ending)
        assert await brain.asked.get() == "Two oat lattes."  # the final waits for the brain
        await peer.say(type="final", **ending)
        await stay(peer)

    async with scripted(eager) as server, hear(server) as stt:
        async with call(stt=stt, llm=brain, turn_handling=TURNS) as running:
            running.microphone.speak(1.0)
            assert (await running.user()).text_content == "Two oat lattes."


async def test_a_connection_lost_in_mid_utterance_is_one_turn():
    async def drops(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 2)
        await peer.say(type="partial", text="two", utterance_id="u", t_ms=400)
        peer.abort()

    async def hears_it_all(peer: Peer) -> None:
        await say(peer, 1.0, "Two oat lattes.")
        await stay(peer)

    async with scripted(drops, drops, hears_it_all) as server, hear(server) as stt:
        async with call(stt=stt, turn_handling=TURNS) as running:
            running.microphone.speak(1.0)
            assert (await running.user()).text_content == "Two oat lattes."
            assert len(server.peers[-1].audio) == SECOND
            assert not running.closed.done() and running.nothing_more()


async def test_a_wrong_key_closes_the_session_after_one_dial_with_one_error():
    refusals: list[tuple[int, dict[str, str], bytes]] = [(401, {}, b"")] * 9
    errors: list[ErrorEvent] = []
    async with scripted(stay, refusals=refusals) as server, hear(server) as stt:
        async with call(stt=stt, turn_handling=TURNS) as running, asyncio.timeout(20):
            running.session.on("error", errors.append)
            running.microphone.speak(1.0)
            event = await running.closed
            assert event.reason is CloseReason.ERROR
            assert server.dials == 1
    assert [told.error.recoverable for told in errors] == [False]
    assert isinstance(errors[0].error, STTError) and errors[0].error is event.error
    assert isinstance(errors[0].error.error, APIStatusError) and errors[0].error.error.status_code == 401


async def test_a_long_outage_does_not_make_the_session_deaf():
    """Longer than the core rides through: LiveKit opens a new stream, which hears what follows."""
    patience = SessionConnectOptions(stt_conn_options=APIConnectOptions(max_retry=0, timeout=0.3))
    refusals: list[tuple[int, dict[str, str], bytes]] = [(503, {}, b"")] * 4

    async def hears(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 2)
        await peer.final("Still here.", "endpoint")
        await stay(peer)

    async with scripted(hears, refusals=refusals) as server, hear(server) as stt:
        async with call(stt=stt, turn_handling=TURNS, conn_options=patience) as running, asyncio.timeout(25):
            heard = asyncio.create_task(running.user())
            while not heard.done():
                running.microphone.speak(0.1)
                await asyncio.sleep(0.1)
            assert heard.result().text_content == "Still here."


async def test_push_to_talk_is_answered_at_once():
    heard = asyncio.Event()

    async def a_second(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        heard.set()
        await answer_commits(peer)

    turns = pyai.turn_handling(turn_detection="manual")
    async with scripted(a_second) as server, hear(server) as stt:
        async with call(stt=stt, turn_handling=turns) as running, asyncio.timeout(15):
            running.microphone.speak(1.0)
            await heard.wait()
            text = await running.session.commit_user_turn(transcript_timeout=60.0)
            assert text == f"{SECOND} bytes"
            assert (await running.user()).text_content == text
            # nothing was said since: nothing to wait for
            assert await running.session.commit_user_turn(transcript_timeout=60.0, skip_reply=True) == ""


async def test_noise_that_turns_out_to_be_nothing_leaves_the_session_listening():
    async def noise_then_words(peer: Peer) -> None:
        await peer.hear_audio(SECOND // 2)
        await peer.say(type="partial", text="uh", utterance_id="n", t_ms=400)
        await peer.say(type="final", text="", utterance_id="n", t_ms=500, endpoint_reason="endpoint")
        await say(peer, 1.0, "Two oat lattes.")
        await stay(peer)

    states: list[str] = []
    async with scripted(noise_then_words) as server, hear(server) as stt:
        async with call(stt=stt, turn_handling=TURNS) as running:
            running.session.on("user_state_changed", lambda event: states.append(event.new_state))
            running.microphone.speak(1.0)
            assert (await running.user()).text_content == "Two oat lattes."
            assert states == ["speaking", "listening", "speaking", "listening"]


async def test_keyterms_of_the_session_reach_the_service():
    known = asyncio.Event()

    async def knows(peer: Peer) -> None:
        if peer.query.get("vocabulary") == '["Cortado","Flat White"]':
            known.set()
        await stay(peer)

    async with scripted(knows) as server, hear(server, vocabulary=["Cortado"]) as stt:
        async with call(stt=stt, turn_handling=TURNS, stt_context_options={"keyterms": ["Flat White"]}):
            async with asyncio.timeout(15):
                await known.wait()


@pytest.mark.parametrize("authority", ["cue", "framework", "client"])
async def test_a_turn_that_nobody_ends_is_closed_by_its_watchdog(authority: str):
    async def falls_silent(peer: Peer) -> None:
        await peer.hear_audio(SECOND)
        await peer.say(type="partial", text="two oat", utterance_id="u", t_ms=900)
        await stay(peer)

    policy = pyai.TurnPolicy(authority=authority, watchdog=0.5)  # type: ignore[arg-type]
    async with scripted(falls_silent) as server, hear(server, turns=policy) as stt, stt.stream() as stream:
        push(stream, 1.0)
        events = await until(stream, is_end)
        assert kinds(events)[-2:] == [FINAL, END] and texts(events) == ["two oat"]
        assert events[-1].speech_end_time and events[-1].speech_end_time <= time.time()


async def test_the_detector_has_the_session_wait_while_cue_waits():
    """The first utterance is over; while the second one is open, LiveKit waits for ``max_delay`` at most."""
    answers: asyncio.Queue[float] = asyncio.Queue()

    class Overheard(pyai.CueTurnDetector):
        async def predict_end_of_turn(self, chat_ctx, *, timeout=None) -> float:
            likely = await super().predict_end_of_turn(chat_ctx, timeout=timeout)
            answers.put_nowait(likely)
            return likely

    async def hesitates(peer: Peer) -> None:
        await say(peer, 1.0, "Two oat lattes")
        await peer.hear_audio(2 * SECOND)
        await peer.say(type="partial", text="and", utterance_id="b", t_ms=1900)
        assert await answers.get() == 0.0  # LiveKit's VAD has heard the silence, and asks
        ending = {"text": "And a cake.", "utterance_id": "b", "t_ms": 3000, "endpoint_reason": "endpoint"}
        await peer.say(type="speech_final", **ending)
        await peer.say(type="final", **ending)
        await stay(peer)

    async with scripted(hesitates) as server, hear(server) as stt:
        turns = pyai.turn_handling(
            stt, turn_detection=Overheard(stt), endpointing={"min_delay": 0.0, "max_delay": 30.0}
        )
        async with call(stt=stt, vad=LoudVAD(), turn_handling=turns) as running:
            open_ = asyncio.Event()
            running.session.on("user_input_transcribed", lambda event: event.transcript == "and" and open_.set())
            running.microphone.speak(1.0)
            running.microphone.speak(1.0)
            async with asyncio.timeout(15):
                await open_.wait()
            running.microphone.speak(1.0, value=0)
            assert (await running.user()).text_content == "Two oat lattes And a cake."
            assert await answers.get() == 1.0
