"""Hear over real sockets: settings that change while a stream is open."""

from __future__ import annotations

import asyncio

import pytest

from pyai_voice.errors import ConfigurationError, RequestError, UnsupportedError
from pyai_voice.events import ConfigAcknowledged, Connected, Disconnected, SpeechStarted, TurnEnded
from pyai_voice.hear import HearStream
from pyai_voice.link import Link, websocket
from pyai_voice.options import Endpoint, HearOptions, LinkOptions
from tests.core.hear_stream_support import speak, until
from tests.core.scripted import KEY, Peer, answer_commits, leave, scripted, stay


async def test_a_setting_that_fits_the_open_connection_is_sent_on_it() -> None:
    async def acknowledge(peer: Peer) -> None:
        while (message := await peer.hear()) is not None:
            if isinstance(message, dict):
                await peer.say(type="config_ack", endpointing_ms=message["endpointing_ms"])

    async with scripted(acknowledge) as server, HearStream(server.endpoint) as stream:
        await until(stream, ConfigAcknowledged)
        stream.update(endpointing_ms=300)
        assert await until(stream, ConfigAcknowledged) == ConfigAcknowledged(300)
        assert len(server.peers) == 1


async def test_any_other_setting_makes_a_new_connection_once_nobody_speaks() -> None:
    async def first(peer: Peer) -> None:
        await peer.hear_audio(32000)
        await peer.say(type="partial", text="hel", utterance_id="u", t_ms=500)
        while (await peer.hear_commit())["type"] != "commit":
            pass
        await peer.final("hello", t_ms=1000)
        await stay(peer)

    async with scripted(first, stay) as server, HearStream(server.endpoint) as stream:
        speak(stream)
        await until(stream, SpeechStarted)
        stream.update(language="de", endpointing_ms=400)
        stream.commit()
        await until(stream, TurnEnded)
        await until(stream, Connected)
        query = server.peers[1].query
    assert (query["language"], query["endpointing_ms"]) == ("de", "400")
    assert "language" not in server.peers[0].query


async def test_a_setting_changed_while_the_connection_is_down_is_not_lost() -> None:
    async with scripted(leave, stay) as server, HearStream(server.endpoint) as stream:
        await until(stream, Disconnected)
        stream.update(vocabulary=("latte",))
        await until(stream, Connected)
        async with asyncio.timeout(10):
            while len(server.peers) < 2 or "vocabulary" not in server.peers[-1].query:
                await until(stream, Connected)


REFUSAL = (400, {}, b'{"error":{"code":"unsupported_language","message":"language: no \'de\'"}}')


async def test_a_change_that_the_service_refuses_is_told_and_taken_back() -> None:
    async with scripted(stay, answer_commits) as server, HearStream(server.endpoint) as stream:
        await until(stream, ConfigAcknowledged)
        server.refusals.append(REFUSAL)
        stream.send_audio(bytes(3200))
        stream.update(language="de")
        told = [await until(stream, Disconnected), await until(stream, Disconnected)]
        assert [event.error.code for event in told] == ["options", "unsupported_language"]
        await until(stream, Connected)
        assert stream.options.language is None and "language" not in server.peers[-1].query
        stream.commit()
        assert (await until(stream, TurnEnded)).text == "3200 bytes"  # no audio is lost by it


async def test_a_refused_change_that_is_corrected_meanwhile_stays_corrected() -> None:
    dialling, corrected = asyncio.Event(), asyncio.Event()

    async def slowly(url: str, endpoint: Endpoint, options: LinkOptions) -> Link:
        if "language=de" in url:
            dialling.set()
            await corrected.wait()
        return await websocket(url, endpoint, options)

    async with scripted(stay, stay) as server, HearStream(server.endpoint, connect=slowly) as stream:
        await until(stream, ConfigAcknowledged)
        server.refusals.append(REFUSAL)
        stream.update(language="de")
        async with asyncio.timeout(10):
            await dialling.wait()
        stream.update(language="en")
        corrected.set()
        await until(stream, Connected)
        assert stream.options.language == server.peers[-1].query["language"] == "en"


async def test_options_that_were_never_taken_are_not_tried_again() -> None:
    async with scripted(stay) as server, HearStream(server.endpoint, HearOptions(language="de")) as stream:
        server.refusals.append(REFUSAL)
        with pytest.raises(RequestError, match="no 'de'"):
            await until(stream, Connected)
        assert server.dials == 1


async def test_wrong_settings_are_refused() -> None:
    stream = HearStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:9"))
    with pytest.raises(ConfigurationError, match="sample_rate"):
        stream.update(sample_rate=8000)
    with pytest.raises(ConfigurationError, match="endpointing_ms"):
        stream.update(endpointing_ms=1)
    with pytest.raises(UnsupportedError, match="AudioPod does not offer hear_stream"):
        HearStream(Endpoint.audiopod("ap_123456789"))
