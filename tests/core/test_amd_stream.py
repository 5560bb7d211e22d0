"""Answering-machine detection over real sockets, fault by fault."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import numpy as np
import pytest

from pyai_voice import g711
from pyai_voice.amd import AmdStream
from pyai_voice.amd_events import AmdDecision, AmdEvent
from pyai_voice.amd_options import AmdOptions
from pyai_voice.errors import AuthenticationError, ConnectivityError, PermissionDeniedError, UnsupportedError
from pyai_voice.events import Connected, Disconnected, Problem
from pyai_voice.options import Endpoint, LinkOptions
from tests.core.amd_service import HUMAN, Peer, Service, after, amd_service, stay, vanish
from tests.core.scripted import KEY

SECOND = bytes(range(1, 129)) * 62 + bytes(64)
"""A second of mu-law."""


def stream(service: Service, link: LinkOptions | None = None, **options: Any) -> AmdStream:
    return AmdStream(service.endpoint, AmdOptions(**{"encoding": "ulaw", **options}), link=link)


async def events_of(amd: AmdStream) -> list[AmdEvent]:
    async with asyncio.timeout(20):
        return [event async for event in amd]


async def decision_of(amd: AmdStream) -> AmdDecision:
    async with asyncio.timeout(20):
        return await amd.decision()


async def test_the_decision_comes_once_and_ends_the_stream() -> None:
    async with amd_service(after(1.0)) as service, stream(service, parameters={"lead": "42"}) as amd:
        amd.send_audio(SECOND * 2)
        connected, decision = await events_of(amd)
        assert isinstance(connected, Connected)
        assert (
            decision
            == await decision_of(amd)
            == AmdDecision("human", "human", 0.9, 1.2, "a short greeting", "C_1", parameters={"lead": "42"})
        )
        assert amd.closed
        amd.send_audio(SECOND)  # a pipeline may go on
        assert (await events_of(amd)) == []


async def test_what_the_service_is_told() -> None:
    options = {"aggressiveness": 0.3, "session_label": "sale 7", "webhook": "https://example.com/amd"}
    async with amd_service(after(1.0)) as service:
        async with stream(service, **options, decision_timeout=4.5, parameters={"lead": "42"}) as amd:
            amd.send_audio(SECOND)
            await decision_of(amd)
        (peer,) = service.peers
        assert peer.query == {"aggressiveness": "0.3", "session_label": "sale 7"}
        assert peer.started is not None
        assert peer.started.parameters == {
            "lead": "42",
            "webhook": "https://example.com/amd",
            "decision_timeout_ms": "4500",
        }
        assert service.offered == [f"pyai.v1, pyai-key.{KEY}"]
        assert [message["event"] for message in peer.messages[:3]] == ["connected", "start", "media"]


async def test_pcm_of_any_rate_becomes_telephone_sound() -> None:
    samples = (8000 * np.sin(np.arange(48000) * 2 * np.pi * 440 / 48000)).astype("<i2")
    async with amd_service(after(0.9)) as service, stream(service, encoding="pcm16", sample_rate=48000) as amd:
        pcm = samples.tobytes()
        for start in range(0, len(pcm), 961):  # half samples at every other edge
            amd.send_audio(pcm[start : start + 961])
        await decision_of(amd)
        heard = np.frombuffer(g711.decode(bytes(service.peers[0].coded)), "<i2")[800:]
        spectrum = np.abs(np.fft.rfft(heard))
        assert np.argmax(spectrum) * 8000 / len(heard) == pytest.approx(440, abs=3)
        assert np.abs(heard).max() == pytest.approx(8000, rel=0.1)


async def test_a_lost_connection_hears_the_call_from_its_first_sound() -> None:
    async with amd_service(vanish, after(2.0)) as service, stream(service) as amd:
        amd.send_audio(SECOND)
        seen = list[AmdEvent]()
        async with asyncio.timeout(20):
            async for event in amd:
                seen.append(event)
                if isinstance(event, Disconnected):
                    amd.send_audio(SECOND)
        assert [type(event) for event in seen] == [Connected, Disconnected, Connected, AmdDecision]
        assert bytes(service.peers[1].coded)[: 2 * 8000] == SECOND * 2
        assert service.peers[1].messages[1]["sequenceNumber"] == "1"


async def test_an_early_close_without_a_decision_is_dialled_again() -> None:
    async def leave(peer: Peer) -> None:
        await peer.until(lambda: peer.started)
        await peer.socket.close()

    async with amd_service(leave, after(1.0)) as service, stream(service) as amd:
        amd.send_audio(SECOND)
        assert (await decision_of(amd)).is_human()
        assert len(service.peers) == 2


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationError), (403, PermissionDeniedError)])
async def test_a_refused_key_is_told_at_once(status: int, error: type[Exception]) -> None:
    async with amd_service(stay, refusals=[status] * 9) as service, stream(service) as amd:
        with pytest.raises(error):
            await decision_of(amd)
        with pytest.raises(error):
            await events_of(amd)
        assert len(service.refusals) == 8


async def test_a_close_for_policy_is_not_dialled_again() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.until(lambda: peer.started)
        await peer.socket.close(1008, "unauthorized")

    async with amd_service(refuse) as service, stream(service) as amd:
        with pytest.raises(AuthenticationError):
            await decision_of(amd)
        assert len(service.peers) == 1


async def test_an_outage_that_lasts_is_an_error() -> None:
    async with amd_service(stay, refusals=[503] * 99) as service:
        async with stream(service, LinkOptions(ride_through=0.2, first_delay=0.01)) as amd:
            with pytest.raises(Exception, match="503"):
                await decision_of(amd)


async def test_the_service_is_left_alone_for_as_long_as_it_asks() -> None:
    async with amd_service(after(0.5), refusals=[(429, {"retry-after": "0.5"})]) as service, stream(service) as amd:
        amd.send_audio(SECOND)
        assert (await decision_of(amd)).is_human()
        assert service.dials[1] - service.dials[0] >= 0.5


async def test_a_fault_of_the_program_is_raised_where_the_decision_is_asked() -> None:
    class Broken:
        ready = True

        async def send(self, message: object) -> None:
            raise LookupError("broken")

        async def listen(self, listener: object) -> None:
            await asyncio.Event().wait()

        async def close(self) -> None:
            return

    async def connect(*_: object) -> Any:
        return Broken()

    amd = AmdStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"), connect=connect)
    amd.send_audio(SECOND)
    with pytest.raises(LookupError):
        await decision_of(amd)
    await amd.aclose()


async def test_nobody_waits_longer_than_the_deadline() -> None:
    async with amd_service(stay) as service, stream(service, deadline=0.2, parameters={"lead": "42"}) as amd:
        amd.send_audio(SECOND)
        decision = await decision_of(amd)
        assert (decision.answered_by, decision.rule_id, decision.at) == ("unknown", "deadline", 1.0)
        assert decision.parameters == {"lead": "42"}
        assert not decision.is_machine()
        assert not decision.is_human()


async def test_the_deadline_counts_from_the_first_sound() -> None:
    async with amd_service(stay) as service, stream(service, deadline=0.05) as amd:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await amd.decision()
        amd.send_audio(SECOND)
        assert (await decision_of(amd)).rule_id == "deadline"


async def test_at_the_end_of_a_call_the_service_decides_on_what_it_heard() -> None:
    async def at_the_stop(peer: Peer) -> None:
        await peer.until(lambda: peer.stopped)
        await peer.decide()

    async with amd_service(at_the_stop) as service, stream(service) as amd:
        amd.send_audio(SECOND[:1000])
        await amd.finish()
        assert (await decision_of(amd)).is_human()
        assert bytes(service.peers[0].coded) == SECOND[:1000]


async def test_closing_before_the_decision_lets_nobody_wait() -> None:
    async with amd_service(stay) as service:
        amd = stream(service)
        amd.start()
        waiting = asyncio.create_task(amd.decision())
        await asyncio.sleep(0)
        await amd.aclose()
        await amd.aclose()
        with pytest.raises(ConnectivityError, match="closed"):
            await waiting
        assert not any(isinstance(event, AmdDecision) for event in await events_of(amd))


async def test_closing_a_stream_that_never_began() -> None:
    amd = AmdStream(Endpoint(api_key=KEY, base_url="http://127.0.0.1:1"))
    await amd.finish()
    assert await events_of(amd) == []


async def test_a_complaint_is_told_and_the_stream_goes_on() -> None:
    async def complain(peer: Peer) -> None:
        peer.machine.error("invalid_request", "aggressiveness: expected 0 to 1")
        for message in peer.machine.data_to_send():
            await peer.socket.send(message)
        await peer.decide()
        await peer.until(lambda: False)

    async with amd_service(complain) as service, stream(service) as amd:
        _, problem, decision = await events_of(amd)
        assert isinstance(problem, Problem)
        assert problem.error.code == "invalid_request"
        assert decision.answered_by == HUMAN.answered_by  # type: ignore[union-attr]


async def test_a_provider_without_amd_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="amd"):
        AmdStream(Endpoint.audiopod(KEY))


async def test_the_key_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with amd_service(vanish, stay, refusals=[503]) as service:
        amd = stream(service, deadline=0.5)
        amd.send_audio(SECOND)
        events = await events_of(amd)
        await amd.aclose()
    assert len(service.peers) == 2
    logged = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("pyai_voice"))
    assert KEY not in logged + repr(events) + repr(service.peers[0].messages) + repr(amd.options)
