"""A telephone call with an agent of Omni over real sockets: what is heard, taken back, dialled; who leaves."""

from __future__ import annotations

import asyncio
import base64
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from pyai_voice import g711
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.options import LinkOptions
from pyai_voice.protocol.omni.server import Digits
from pyai_voice.server.engines import Priority, Recognition
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.engines.vocabulary import Vocabulary
from pyai_voice.server.engines.workers import Workers
from pyai_voice.testing.engines import CodedRecognizer, CodedSynthesizer, SoundDetector
from tests.core.omni_service import Peer, omni_service, stay
from tests.plugins.twilio.twilio_house import CALLER, NUMBER, SILENCE, Lines, house
from tests.server.omni_calls import omni_server
from twilio_pyai import Started, TwilioOptions


class Hears(CodedRecognizer):
    """Hears the same words in every sound."""

    async def recognize(self, pcm: bytes, priority: Priority, vocabulary: Vocabulary | None = None) -> Recognition:
        await asyncio.sleep(0)
        return Recognition("how are you" if any(pcm) else "", 0.0)


def ramp(seconds: float, first: int = 1000) -> bytes:
    """Return sound (pcm16, 8000 Hz) whose parts differ."""
    return (first + np.arange(round(8000 * seconds)) % 20000).astype("<i2").tobytes()


async def test_the_agent_greets_and_answers_and_the_caller_is_heard(log: Lines) -> None:
    agent = OmniOptions(greeting="Hello.")
    engines = Engines(Hears(), CodedSynthesizer(), SoundDetector, str.lower, Workers(1))
    async with (
        aclosing(engines),
        omni_server(["Fine."], engines=engines) as omni,
        house(omni.endpoint, agent) as twilio,
    ):
        async with twilio.call() as call:
            await call.until(lambda: len(call.heard) >= 15)
            await call.all_heard()
            greeting = call.sound()
            assert greeting.strip(b"\xff"), "the greeting is silence"
            await call.speak(g711.encode(ramp(0.6)) + SILENCE * 50)
            await call.until(lambda: len(call.sound()) >= len(greeting) + 10 * len(SILENCE))
            await call.hang_up()
        (record,) = await omni.records()
        assert record["status"] == "completed"
    voice, media = log.lines
    assert voice == f"voice 200, call {call.call_sid}"
    assert media.startswith("media hung up, ") and call.call_sid in media and CALLER not in media


async def test_sound_is_decoded_and_encoded_and_never_resampled() -> None:
    said = ramp(0.5)
    heard = ramp(0.4, 5000)

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(said[:1234])
        peer.machine.audio(said[1234:])
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await call.speak(g711.encode(heard), paced=False)
        await call.until(lambda: len(call.sound()) >= len(said) // 2)
        (peer,) = service.peers
        wanted = g711.decode(g711.encode(heard)).strip(b"\0")
        async with asyncio.timeout(5):
            await peer.has(lambda: wanted[:4000] in bytes(peer.audio))
        assert call.sound().rstrip(b"\xff") == g711.encode(said).rstrip(b"\xff")


async def test_sound_goes_out_at_the_pace_of_speech_with_marks() -> None:
    """The service sends two seconds at once; Twilio never has much more than the lead."""

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(2.0))
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        waits: list[int] = []
        while len(call.sound()) < 16000:
            await call.more()
            waits.append(len(call.of("media")) - len(call.heard))
        assert max(waits) <= 12, "Twilio had more than the lead"
        await call.until(lambda: len(call.of("mark")) >= 10)
        names = [each["mark"]["name"] for each in call.of("mark")]
        assert len(set(names)) == len(names)
        assert {len(each.coded) for each in call.heard} == {160}, "not 20 ms a message"


async def test_what_is_late_is_not_waited_for_where_marks_do_not_come_back() -> None:
    """A Twilio that plays nothing for a while gets two seconds and a lead, not everything."""

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(6.0))
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio:
        async with twilio.socket() as socket:
            await socket.send(STARTED)
            sent: list[str] = []
            async with asyncio.timeout(3.5) as patience:
                while len(sent) < 99:
                    message = await socket.recv()
                    sent += ["media"] if '"media"' in str(message) else []
            assert not patience.expired()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    while True:
                        message = await socket.recv()
                        sent += ["media"] if '"media"' in str(message) else []
        assert len(sent) <= 110


async def test_an_interruption_clears_and_nothing_of_the_old_reply_follows() -> None:
    old, new = ramp(3.0), ramp(0.4, 30000 - 8000)

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.turn_begin()
        peer.machine.audio(old)
        await peer.flush()
        await peer.until(lambda: len(peer.audio) >= 2 * 8000)
        peer.machine.interrupt("energy")
        await peer.until(lambda: len(peer.audio) >= 2 * 12000)
        peer.machine.turn_begin()
        peer.machine.audio(new)
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await call.speak(g711.encode(ramp(1.2)))
        await call.until(lambda: call.cleared_at and len(call.messages) >= call.cleared_at[-1] + 20)
        (cleared,) = call.cleared_at
        before, after = call.messages[: cleared - 1], call.messages[cleared:]
        assert 30 <= sum(each["event"] == "media" for each in before) <= 75, "it was not interrupted in its middle"
        assert g711.encode(new).startswith(sound_of(after).rstrip(b"\xff"))


async def test_interrupted_again_and_again_each_clear_is_followed_by_new_words_only() -> None:
    parts = [ramp(0.5, 1000 * number) for number in range(8)]

    async def script(peer: Peer) -> None:
        await peer.configured()
        for number, part in enumerate(parts):
            peer.machine.turn_begin()
            peer.machine.audio(part)
            heard = len(peer.audio) + 2 * 800 * (number % 4 + 1)
            await peer.until(lambda heard=heard: len(peer.audio) >= heard)
            if number < len(parts) - 1:
                peer.machine.interrupt("energy")
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await call.until(lambda: g711.encode(parts[-1]) in call.sound())
        assert len(call.cleared_at) == len(parts) - 1
        starts = [0, *call.cleared_at]
        for part, start, end in zip(parts, starts, [*call.cleared_at, len(call.messages)], strict=True):
            assert g711.encode(part).startswith(sound_of(call.messages[start:end]).rstrip(b"\xff"))


async def test_keys_of_the_caller_reach_the_agent_and_the_agents_digits_are_tones() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(0.3))
        peer.machine.call_control("send_dtmf", digits="19#")
        await peer.until(lambda: len([each for each in peer.calls if isinstance(each, Digits)]) == 2)
        peer.machine.interrupt("energy")  # the tones are not taken back
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await call.until(lambda: call.heard)
        await call.press("5")
        await call.press("#")
        await call.until(lambda: len(dialled(call.sound())) >= 3)
        (peer,) = service.peers
        assert [each.digits for each in peer.calls if isinstance(each, Digits)] == ["5", "#"]
        assert dialled(call.sound()) == "19#"


async def test_digits_that_are_none_are_not_played(log: Lines) -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        for digits in ("12x", "", "1" * 65):
            peer.machine.call_control("send_dtmf", digits=digits)
        peer.machine.audio(ramp(0.1))
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await call.until(lambda: len(call.sound()) >= 800)
        assert dialled(call.sound()) == ""
    assert sum("no touch tone" in line for line in log.lines) >= 2


async def test_the_agent_says_goodbye_before_it_hangs_up(log: Lines) -> None:
    agent = OmniOptions(greeting="Bye.", tools=(Tool(name="end_call"),))

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.call_control("end_call", reason="done")
        peer.machine.audio(ramp(0.5))
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint, agent) as twilio, twilio.call() as call:
        assert await call.ended() == 1000
        assert sum(len(each.coded) for each in call.heard) >= 4000, "the goodbye was cut"
    assert log.lines[-1].startswith("media the agent hung up, ")


async def test_the_service_ends_the_call() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(0.3))
        peer.machine.end()
        await peer.flush()

    async with omni_service(script) as service, house(service.endpoint) as twilio, twilio.call() as call:
        assert await call.ended() == 1000
        assert sum(len(each.coded) for each in call.heard) >= 2400


async def test_when_twilio_is_gone_omni_is_closed_at_once() -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio:
        for leave in ("stop", "abort"):
            async with twilio.call() as call:
                async with asyncio.timeout(5):
                    peer = await service.call(len(service.peers) - (leave == "abort" and 0))
                    await peer.has(lambda peer=peer: peer.kinds("configure"))
                if leave == "stop":
                    await call.hang_up()
                else:
                    call.socket.transport.abort()
                async with asyncio.timeout(1.5):
                    await service.gone.wait()
            service.gone.clear()
            assert peer.hung_up


async def test_omni_is_lost_and_dialled_again_and_the_call_goes_on() -> None:
    async def lost(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(0.2))
        await peer.flush()
        peer.socket.transport.abort()

    async def again(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(0.2, 9000))
        await peer.stay()

    async with omni_service(lost, again) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await call.until(lambda: g711.encode(ramp(0.2, 9000)) in call.sound())
        assert g711.encode(ramp(0.2)) in call.sound()
        assert len(service.peers) == 2


@pytest.mark.parametrize("status", [401, 402])
async def test_pyai_refuses_and_the_call_ends_with_one_line(log: Lines, status: int) -> None:
    async with (
        omni_service(stay, refusals=[(status, {})]) as service,
        house(service.endpoint) as twilio,
        twilio.call() as call,
    ):
        assert await call.ended() == 1000
    assert any("no apology: Twilio's credentials are needed" in line for line in log.lines)
    assert log.lines[-1].startswith("media PyAI: ")


async def test_pyai_is_away_for_longer_than_the_patience() -> None:
    options = TwilioOptions(link=LinkOptions(ride_through=0.5))
    async with omni_service(stay) as service:
        endpoint = service.endpoint
    async with house(endpoint, options=options) as twilio, twilio.call() as call:
        assert await call.ended() == 1000


async def test_each_call_has_the_agent_of_its_number() -> None:
    def choose(started: Started) -> OmniOptions:
        assert started.parameters["from"] == CALLER
        return OmniOptions(persona=f"You answer {started.parameters['to']}.", caller_key=started.parameters["from"])

    async with omni_service(stay) as service, house(service.endpoint, choose) as twilio, twilio.call():
        async with asyncio.timeout(5):
            peer = await service.call()
            await peer.has(lambda: peer.kinds("configure"))
        (configure,) = peer.kinds("configure")
        assert (configure["persona"], configure["caller_key"]) == (f"You answer {NUMBER}.", CALLER)


async def test_tools_are_answered() -> None:
    async def look(arguments: Any) -> Any:
        return {"order": arguments["id"]}

    agent = OmniOptions(tools=(Tool(name="look"),))

    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.tool_call("look", {"id": 7}, asyncio.get_running_loop().time())
        await peer.until(lambda: peer.kinds("tool_result"))
        await peer.stay()

    async with omni_service(script) as service, house(service.endpoint, agent, handlers={"look": look}) as twilio:
        async with twilio.call(), asyncio.timeout(5):
            peer = await service.call()
            await peer.has(lambda: peer.kinds("tool_result"))
        assert peer.kinds("tool_result")[0]["result"] == {"order": 7}


async def test_ten_calls_at_once_keep_their_sound_apart() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(2.0, 1000 * peer.number))
        await peer.stay()

    async def one(number: int) -> bytes:
        async with twilio.call(f"CA{number:032d}") as call:
            await asyncio.gather(call.speak(g711.encode(ramp(1.5))), call.until(lambda: len(call.sound()) >= 16000))
            return call.sound()

    async with omni_service(script) as service, house(service.endpoint) as twilio:
        sounds = await asyncio.gather(*(one(number) for number in range(10)))
        assert sorted(sound[:16000] for sound in sounds) == sorted(g711.encode(ramp(2.0, 1000 * n)) for n in range(10))
        async with asyncio.timeout(5):
            while not all(peer.hung_up for peer in service.peers):
                service.gone.clear()
                await service.gone.wait()


# Helpers

STARTED = (
    '{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC0","streamSid":"MZ1","callSid":'
    '"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
    '"customParameters":{}}}'
)


def sound_of(messages: list[dict[str, Any]]) -> bytes:
    media = [each for each in messages if each["event"] == "media"]
    return b"".join(base64.b64decode(each["media"]["payload"]) for each in media)


ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")


def dialled(coded: bytes) -> str:
    """Return the touch tones in some sound: in steps of 25 ms, the two pitches that stand out, if they do."""
    pcm = np.frombuffer(g711.decode(coded), "<i2").astype(float)
    steps = [key_of(pcm[at : at + 200]) for at in range(0, len(pcm) - 199, 200)]
    found = [key for before, key in zip(["", *steps], steps, strict=False) if key and key != before]
    return "".join(found)


def key_of(step: np.ndarray[Any, Any]) -> str:
    time = np.arange(len(step)) / 8000
    power = float(np.mean(step**2)) + 1

    def strength(pitch: int) -> float:
        return 2 * abs(np.mean(step * np.exp(-2j * np.pi * pitch * time))) ** 2 / power

    low, high = ([strength(pitch) for pitch in pitches] for pitches in (ROWS, COLUMNS))
    if max(low) + max(high) < 0.9 or power < 1e5:
        return ""
    return KEYS[low.index(max(low))][high.index(max(high))]
