"""What Twilio does not send, sent all the same: odd sound, wrong events, two starts, binary frames, too much."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice import g711
from tests.core.omni_service import omni_service, stay
from tests.plugins.twilio.test_twilio_call import ramp
from tests.plugins.twilio.twilio_house import Lines, house
from twilio_pyai import TwilioOptions
from twilio_pyai.wire import Digit, Nonsense, Played, Sound, Started, Stopped, read

WRONG: list[str | bytes] = [
    "",
    "nonsense",
    "[]",
    "{}",
    '"media"',
    '{"event":7}',
    '{"event":"media"}',
    '{"event":"media","media":[]}',
    '{"event":"media","media":{"payload":""}}',
    '{"event":"media","media":{"payload":"!!!!"}}',
    '{"event":"media","media":{"payload":"AAA"}}',
    '{"event":"media","media":{"payload":"é"}}',
    '{"event":"dtmf","dtmf":{"digit":"55"}}',
    '{"event":"dtmf","dtmf":{"digit":""}}',
    '{"event":"mark","mark":{}}',
    '{"event":"start","start":{"streamSid":"../../x","callSid":"CA1"}}',
    '{"event":"start","start":{"streamSid":"MZ1"}}',
    b"",
    b"\x00\xff",
    b'{"event":"stop"}',
    "[" * 5000,
]


@pytest.mark.parametrize("message", WRONG)
def test_nonsense_is_nonsense(message: str | bytes) -> None:
    assert read(message) == Nonsense()


@settings(max_examples=60)
@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_nothing_makes_the_reader_raise(message: str | bytes) -> None:
    read(message)


@settings(max_examples=60)
@given(
    st.sampled_from(["media", "start", "dtmf", "mark", "stop", "connected"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.dictionaries(st.sampled_from(["payload", "track", "digit", "name", "callSid", "streamSid"]), inner)
            | st.lists(inner)
        ),
    ),
)
def test_no_shape_makes_the_reader_raise(event: str, body: Any) -> None:
    read(json.dumps({"event": event, event: body}))


def test_what_twilio_sends_is_read() -> None:
    """The messages of Twilio's page "Media Streams: WebSocket messages"."""
    assert read('{"event":"connected","protocol":"Call","version":"1.0.0"}') is None
    started = read(
        json.dumps(
            {
                "event": "start",
                "sequenceNumber": "1",
                "start": {
                    "accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
                    "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
                    "callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
                    "tracks": ["inbound"],
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                    "customParameters": {"FirstName": "Jane", "LastName": "Doe", "RemoteParty": "Bob"},
                },
                "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            }
        )
    )
    assert isinstance(started, Started) and started.supported
    assert started.parameters == {"FirstName": "Jane", "LastName": "Doe", "RemoteParty": "Bob"}
    media = {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": "no+JhoaJjpz/"}
    sound = read(json.dumps({"event": "media", "sequenceNumber": "3", "media": media, "streamSid": "MZ1"}))
    assert isinstance(sound, Sound) and len(sound.coded) == 9
    assert read(json.dumps({"event": "media", "media": {**media, "track": "outbound"}})) is None
    dtmf = {
        "event": "dtmf",
        "streamSid": "MZ1",
        "sequenceNumber": "5",
        "dtmf": {"track": "inbound_track", "digit": "1"},
    }
    assert read(json.dumps(dtmf)) == Digit("1")
    assert read('{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"my label"}}') == Played(
        "my label"
    )
    assert read('{"event":"stop","sequenceNumber":"5","stop":{"accountSid":"AC","callSid":"CA"}}') == Stopped()
    assert read('{"event":"something new"}') is None


async def test_a_call_outlives_everything_that_is_wrong(log: Lines) -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio, twilio.call() as call:
        for message in WRONG:
            await call.socket.send(message)
        await call.begin(streamSid="MZ2", callSid="CA3")  # a second start
        await call.send("something new")
        await call.send("mark", mark={"name": "never sent"})
        await call.speak(g711.encode(ramp(0.2)), paced=False)
        async with asyncio.timeout(5):
            peer = await service.call()
            await peer.has(lambda: g711.decode(g711.encode(ramp(0.2)))[:2000] in bytes(peer.audio))
        assert len(service.peers) == 1
        await call.hang_up()
    assert f"{len(WRONG)} messages that Twilio does not send" in log.lines[-1]
    assert call.call_sid in log.lines[-1]


@pytest.mark.parametrize("size", [70000, 1 << 21])
async def test_a_message_that_is_too_large_ends_the_call(size: int) -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio, twilio.call() as call:
        await service.call()
        await call.socket.send("x" * size)
        assert await call.ended() == 1009
        async with asyncio.timeout(3):
            await service.gone.wait()


async def test_audio_before_the_start_is_not_heard_and_a_stop_ends_it() -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio, twilio.call(start=False) as call:
        await call.speak(g711.encode(ramp(0.1)), paced=False)
        await call.begin()
        await call.speak(g711.encode(ramp(0.1, 9000)), paced=False)
        async with asyncio.timeout(5):
            peer = await service.call()
            await peer.has(lambda: g711.decode(g711.encode(ramp(0.1, 9000)))[:1000] in bytes(peer.audio))
        assert g711.decode(g711.encode(ramp(0.1)))[:1000] not in bytes(peer.audio)
        await call.send("stop", stop={})
        assert await call.ended() == 1000


@pytest.mark.parametrize(
    "described",
    [
        {"encoding": "audio/x-alaw", "sampleRate": 8000, "channels": 1},
        {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1},
        {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2},
    ],
)
async def test_another_sound_is_refused(described: dict[str, Any]) -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio, twilio.call(start=False) as call:
        await call.begin(mediaFormat=described)
        assert await call.ended() == 1008
        assert "mediaFormat" in call.close_reason
        assert not service.dials


@pytest.mark.parametrize(("options", "begin"), [({"start": 0.2}, False), ({"idle": 0.3}, True), ({"idle": 0.3}, False)])
async def test_who_says_nothing_is_given_up(options: dict[str, float], begin: bool, log: Lines) -> None:
    async with (
        omni_service(stay) as service,
        house(service.endpoint, options=TwilioOptions(**options)) as twilio,  # pyright: ignore[reportArgumentType] - numbers
        twilio.call(start=begin) as call,
    ):
        assert await call.ended() == 1008
    assert "media 408, " in log.lines[-1]


async def test_who_goes_before_the_start_leaves_nothing(log: Lines) -> None:
    async with omni_service(stay) as service, house(service.endpoint) as twilio:
        async with twilio.call(start=False) as call:
            await call.hang_up()
        assert not service.dials
    assert log.lines[-1].startswith("media hung up before it began")
