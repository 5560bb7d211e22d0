"""Hold music: when it begins and ends, that it is music, and that it is in nobody's way."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice import g711
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.server.brain.scripted import call as tool_call
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.engines.workers import Workers
from pyai_voice.testing.engines import CodedSynthesizer, SoundDetector
from tests.core.omni_service import Peer, omni_service
from tests.plugins.twilio.test_twilio_call import Hears, dialled, ramp, sound_of
from tests.plugins.twilio.test_twilio_playout import Line
from tests.plugins.twilio.twilio_house import SILENCE, TwilioCall, house
from tests.plugins.twilio.twilio_rest import twilio_rest
from tests.server.omni_calls import omni_server
from twilio_pyai.music import music
from twilio_pyai.playout import Playout
from twilio_pyai.tones import tones

WORDS, NEXT = ramp(0.4), ramp(0.4, 9000)


def test_it_is_soft_and_never_silent_for_long() -> None:
    pcm = np.frombuffer(g711.decode(music(30.0)), "<i2").astype(float)
    assert len(pcm) == 30 * 8000
    loud = np.sqrt(np.mean(pcm.reshape(-1, 2000) ** 2, axis=1))
    assert loud.min() > 100, "a quarter of a second of silence sounds like a lost call"
    assert np.abs(pcm).max() < 32767 / 4
    jumps = np.abs(np.diff(pcm))
    assert jumps.max() < 4000, "it clicks"


@given(st.floats(0.001, 300))
def test_it_begins_again_where_it_ends(seconds: float) -> None:
    sound = music(seconds)
    assert len(sound) == round(seconds * 8000)
    assert music(300.0).startswith(sound)


def test_it_waits_for_the_words_before_it_and_ends_by_itself() -> None:
    line = Line(Playout())
    line.playout.say(b"w" * 1600)
    line.playout.say(b"m" * 3200, "music")
    line.drain()
    assert (line.heard, line.clears) == (b"w" * 1600 + b"m" * 3200, 0)


@given(st.integers(0, 60), st.sampled_from(["words", "tones"]))
def test_whatever_is_said_next_ends_it_at_once(slots: int, kind: Any) -> None:
    """What Twilio has of the music is taken back, and nothing of it follows."""
    line = Line(Playout())
    line.playout.say(b"m" * 160 * 50, "music")
    for _ in range(slots):
        line.slot()
    playing = any(isinstance(each, bytes) for each in line.buffer)
    line.playout.say(b"n" * 1600, kind)
    line.drain()
    assert line.clears == 1 if playing else line.clears <= 1
    assert line.heard.endswith(b"n" * 1600) and line.heard.count(b"n") == 1600
    assert b"m" not in line.heard.partition(b"n")[2]


@given(st.integers(0, 60), st.booleans())
def test_it_ends_without_taking_words_or_tones_with_it(slots: int, dials: bool) -> None:
    before = tones("12") if dials else b"w" * 1600
    line = Line(Playout())
    line.playout.say(before, "tones" if dials else "words")
    line.playout.say(b"m" * 160 * 50, "music")
    for _ in range(slots):
        line.slot()
    line.playout.end_music()
    line.drain()
    assert line.heard.startswith(before)


def test_more_of_it_goes_on_without_a_gap() -> None:
    line = Line(Playout())
    line.playout.say(b"m" * 1600, "music")
    line.slot()
    sent = len(line.sent)
    line.playout.say(b"M" * 1600, "music")
    line.drain()
    assert (line.heard, line.clears) == (b"m" * sent + b"M" * 1600, 0)


async def heard_music(call: TwilioCall, seconds: float) -> None:
    """Wait until the caller has heard so much music after the words."""
    wanted = music(seconds)
    await call.until(lambda: wanted in b"".join(each.coded for each in call.heard))


async def test_the_caller_hears_music_until_the_agent_speaks_again() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(WORDS[:3200])
        peer.machine.call_control("play_hold", seconds=30)
        peer.machine.audio(WORDS[3200:])  # the rest of the sentence does not end what has not begun
        await peer.until(lambda: peer.controls[-1]["type"] == "dtmf")
        peer.machine.turn_begin()
        peer.machine.audio(NEXT)
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await heard_music(call, 0.6)
        assert call.sound().startswith(g711.encode(WORDS)), "the music came before the words were over"
        assert not call.cleared_at
        await call.press("1")
        await call.until(lambda: g711.encode(NEXT) in call.sound())
        await call.all_heard()
        (cleared,) = call.cleared_at
        assert sound_of(call.messages[cleared:]).rstrip(b"\xff") == g711.encode(NEXT).rstrip(b"\xff")
        assert call.close_code is None


@pytest.mark.parametrize(("seconds", "lasts"), [(0.5, 0.5), (-3, 0), ("soon", None), (1e9, None)])
async def test_it_lasts_as_long_as_the_agent_says(seconds: object, lasts: float | None) -> None:
    """Where that is no number, or more than anybody would wait, it is two minutes."""

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(WORDS)
        await peer.flush()
        peer.machine.call_control("play_hold", seconds=seconds)
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        if lasts is None:
            await heard_music(call, 0.8)
            return
        wanted = g711.encode(WORDS) + music(lasts)
        await call.until(lambda: call.sound().startswith(wanted))
        await call.all_heard()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await call.more()
        assert not call.sound().removeprefix(wanted).strip(b"\xff")


async def test_the_local_servers_agent_puts_the_caller_on_hold_and_comes_back() -> None:
    """In the order in which a server says it: the words, the request, and words again when the caller has spoken."""
    lines: list[Any] = [["One moment.", tool_call("play_hold", seconds=20)], "Here you are."]
    engines = Engines(Hears(), CodedSynthesizer(), SoundDetector, str.lower, Workers(1))
    agent = OmniOptions(tools=(Tool(name="play_hold"),))
    async with aclosing(engines), omni_server(lines, engines=engines) as omni:
        async with house(omni.endpoint, agent) as twilio, twilio.call() as call:
            await call.speak(g711.encode(ramp(0.6)) + SILENCE * 50)
            await heard_music(call, 0.6)
            assert call.sound()[:1600].strip(b"\xff") and not call.sound().startswith(music(0.1))
            assert not call.cleared_at
            await call.speak(g711.encode(ramp(0.6)) + SILENCE * 50)
            await call.until(lambda: call.cleared_at)
            await call.until(lambda: len(sound_of(call.messages[call.cleared_at[0] :])) > 1600)
            assert music(0.1) not in sound_of(call.messages[call.cleared_at[0] :])
            await call.hang_up()


async def test_an_interruption_ends_it_also_before_it_has_begun() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.call_control("play_hold", seconds=30)
        await peer.until(lambda: len(peer.controls) == 2)
        peer.machine.turn_begin()
        peer.machine.audio(ramp(3.0))
        peer.machine.call_control("play_hold", seconds=30)
        await peer.until(lambda: len(peer.controls) == 3)
        peer.machine.interrupt("energy")
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await heard_music(call, 0.3)
        await call.press("1")
        await call.until(lambda: len(call.cleared_at) == 1 and len(call.messages) > call.cleared_at[0] + 9)
        await call.press("2")
        await call.until(lambda: len(call.cleared_at) == 2)
        await call.all_heard()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.8):
                await call.more()
        assert sound_of(call.messages[call.cleared_at[1] :]) == b""


async def test_who_is_on_hold_can_be_transferred_or_hung_up_on_at_once() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.call_control("play_hold")
        await peer.until(lambda: len(peer.controls) == 2)
        peer.machine.call_control("end_call", reason="done")
        await peer.stay()

    async with (
        omni_service(script) as service,
        twilio_rest() as rest,
        aclosing(rest.control()) as control,
        house(service.endpoint, control=control) as twilio,
        twilio.call() as call,
    ):
        await heard_music(call, 0.3)
        await call.press("1")
        assert await call.ended(8.0) == 1000
    assert rest.asked == [(call.call_sid, {"Status": "completed"})]


async def test_digits_are_dialled_through_it() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.call_control("play_hold")
        await peer.until(lambda: len(peer.controls) == 2)
        peer.machine.call_control("send_dtmf", digits="19#")
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await heard_music(call, 0.3)
        await call.press("1")
        await call.until(lambda: call.cleared_at and tones("19#") in call.sound())
        assert dialled(sound_of(call.messages[call.cleared_at[0] :])) == "19#"
