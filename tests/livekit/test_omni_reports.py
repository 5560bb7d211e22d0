"""What else an Omni call tells in LiveKit: call control, touch tones, metrics, the user's state, interruptions."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit import rtc

from pyai_voice.omni_events import DigitsRequested, TransferRequested
from tests.core.omni_service import Peer

from .omni import collected, conversation, hears, tone, wait_for


async def test_call_control_and_touch_tones_reach_the_program_both_ways():
    async def ask(peer: Peer) -> None:
        await peer.configured()
        peer.machine.call_control("transfer_to_human", destination="+4930123", reason="wants a person")
        peer.machine.call_control("send_dtmf", digits="42#")
        peer.machine.call_control("play_hold", seconds=3)
        peer.machine.call_control("collect", field="card", kind="dtmf")
        await peer.until(lambda: len(peer.kinds("dtmf")) == 2)
        await peer.stay()

    async with conversation(ask) as (running, service, omni):
        seen: list[Any] = []
        for name in ("transfer", "send_digits", "hold", "collect"):
            omni.on(name, seen.append)
        await wait_for(lambda: len(seen) == 4)
        running.session.current_agent.realtime_llm_session.press("7*")
        await wait_for(lambda: len(service.peers[0].kinds("dtmf")) == 2)
        assert isinstance(seen[0], TransferRequested) and seen[0].destination == "+4930123"
        assert seen[1] == DigitsRequested("42#") and seen[3].field == "card"
        assert [each["digits"] for each in service.peers[0].kinds("dtmf")] == ["7", "*"]
        with pytest.raises(ValueError, match="digits"):
            running.session.current_agent.realtime_llm_session.press("seven")


async def test_metrics_name_the_reply_and_count_each_second_of_the_call_once():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        for _ in range(2):
            peer.machine.turn_begin()
            await hears(peer, 0.1)
            peer.machine.audio(tone(0.1))
            peer.machine.agent_said("Yes.")
            await hears(peer, 0.6)
        await peer.stay()

    async with conversation(converse) as (running, _, _):
        began = time.monotonic()
        metrics = await collected(running.session, "metrics_collected")
        async with asyncio.timeout(20):
            messages = [await running.reply(), await running.reply()]
        await running.session.aclose()
        lasted = time.monotonic() - began
        (used,) = [row for row in running.session.usage.model_usage if row.provider == "PyAI"]
    replies = [event.metrics for _, event in metrics if event.metrics.request_id]
    assert [report.request_id for report in replies] == [
        message.metrics["provider_request_ids"][0] for message in messages
    ]
    assert all(0.05 < report.ttft < 5.0 and not report.cancelled for report in replies)
    assert 0.9 < used.session_duration <= lasted + 0.5
    assert used.model == "pyai-omni"


@pytest.mark.parametrize(("rate", "frame_rate", "agent_rate"), [(24000, 24000, 24000), (8000, 8000, 8000)])
async def test_audio_of_the_wires_rate_passes_untouched(rate: int, frame_rate: int, agent_rate: int):
    pcm = bytes(range(1, 241)) * 8  # even: whole samples

    async def converse(peer: Peer) -> None:
        await peer.configured()
        await peer.until(lambda: pcm in peer.audio)
        peer.machine.turn_begin()
        peer.machine.audio(pcm)
        await peer.stay()

    async with conversation(converse, rate=rate) as (running, service, _):
        await wait_for(lambda: service.peers and service.peers[0].kinds("configure"))
        running.microphone.play(rtc.AudioFrame(pcm, frame_rate, 1, len(pcm) // 2))
        async with asyncio.timeout(20):
            await running.loudspeaker.played.wait()
        assert bytes(running.loudspeaker.pcm) == pcm
        assert running.loudspeaker.rates == {agent_rate}


async def test_the_users_state_follows_the_calls_words():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.caller_said("Good")
        peer.machine.caller_said(" morning.")
        await hears(peer, 0.2)
        peer.machine.turn_begin()
        peer.machine.agent_said("Hello.")
        peer.machine.audio(tone(0.2))
        await peer.stay()

    async with conversation(converse) as (running, _, _):
        seen = await collected(running.session, "user_state_changed", "user_input_transcribed")
        async with asyncio.timeout(20):
            assert (await running.user()).text_content == "Good morning."
            await running.reply()
        assert [event.new_state for name, event in seen if name == "user_state_changed"] == ["speaking", "listening"]
        texts = [(event.transcript, event.is_final) for name, event in seen if name == "user_input_transcribed"]
        assert texts == [("Good", False), ("Good morning.", False), ("Good morning.", True)]


async def test_an_interruption_without_words_is_taken_for_noise():
    async def converse(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(tone(1.0))
        await hears(peer, 0.2)
        peer.machine.interrupt("energy")
        await peer.stay()

    async with conversation(converse, slow=True) as (running, _, _):
        seen = await collected(running.session, "user_state_changed")
        await wait_for(lambda: len(seen) == 2)
        assert [event.new_state for _, event in seen] == ["speaking", "listening"]
