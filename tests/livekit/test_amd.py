"""Who has answered, in LiveKit: a participant's track is heard, and the agent waits.

The service says what a test wants. There is no room: what stands for one has the events and attributes that LiveKit's
helpers look at, and real audio tracks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, StopResponse, llm
from livekit.plugins import pyai

from pyai_voice.amd_events import AmdDecision
from pyai_voice.errors import ConfigurationError
from tests.core.amd_service import HUMAN, Peer, Script, Service, after, amd_service, stay
from tests.core.scripted import KEY, scripted
from tests.core.scripted import Peer as HearPeer
from tests.core.scripted import stay as hear_nothing

from .headless import Call, Echo, call
from .helpers import SECOND, frames, hear

SIP = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
MACHINE = AmdDecision("machine", "machine_start", 0.9, 1.0, "leave a message", "C_1")
GREETING = "Hello, this is the coffee bar."
pytestmark = pytest.mark.timeout(60)


def detector(service: Service, **options: Any) -> pyai.AnsweringMachineDetector:
    return pyai.AnsweringMachineDetector(api_key=KEY, base_url=service.endpoint.base_url, **{"hold": 30.0, **options})


def decided(decision: AmdDecision, go: asyncio.Event) -> Script:
    """Decide when the test says so."""

    async def script(peer: Peer) -> None:
        await peer.until(lambda: peer.coded)
        await go.wait()
        await peer.decide(decision)
        await peer.until(lambda: False)

    return script


# -- the detector -----------------------------------------------------------------------------------


async def test_frames_of_any_kind_are_heard_and_the_decision_is_told_once() -> None:
    async with amd_service(after(0.9)) as service:
        options = pyai.AmdOptions(session_label="sale 7", parameters={"lead": "42"})
        async with detector(service, options=options) as amd, asyncio.timeout(20):
            told: list[AmdDecision] = []
            amd.on("amd_decision", told.append)
            for frame in frames(1.2, rate=48000, channels=2):
                amd.push_frame(frame)
            decision = await amd.decided()
            assert decision.is_human() and await amd.may_speak()
            assert told == [decision] == [amd.decision]
            assert service.peers[0].query == {"session_label": "sale 7"}
            assert decision.parameters == {"lead": "42"}


async def test_a_machine_may_not_be_greeted() -> None:
    async with amd_service(after(0.1, MACHINE)) as service, detector(service) as amd, asyncio.timeout(20):
        for frame in frames(0.5):
            amd.push_frame(frame)
        assert not await amd.may_speak()


async def test_when_the_hold_is_over_nobody_is_known_and_a_late_decision_is_still_told() -> None:
    go = asyncio.Event()
    async with amd_service(decided(MACHINE, go)) as service, detector(service, hold=0.1) as amd, asyncio.timeout(20):
        late = asyncio.get_running_loop().create_future()
        amd.on("amd_decision", late.set_result)
        for frame in frames(0.2):
            amd.push_frame(frame)
        decision = await amd.decided()
        assert (decision.answered_by, decision.rule_id) == ("unknown", "hold")
        assert await amd.may_speak()
        go.set()
        assert (await late).is_machine()
        assert not await amd.may_speak()


async def test_while_it_rings_it_waits() -> None:
    async with amd_service(stay) as service, detector(service, hold=0.05) as amd:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await amd.decided()


async def test_without_the_service_the_agent_may_speak() -> None:
    async with amd_service(stay, refusals=[401]) as service, detector(service) as amd, asyncio.timeout(20):
        decision = await amd.decided()
        assert (decision.answered_by, decision.rule_id) == ("unknown", "error")
        assert KEY not in repr(decision)
        amd.push_frame(next(frames(0.1)))  # the call goes on
        assert await amd.may_speak()


async def test_closing_lets_nobody_wait() -> None:
    async with amd_service(stay) as service:
        amd = detector(service)
        waiting = asyncio.create_task(amd.decided())
        await asyncio.sleep(0)
        await amd.aclose()
        await amd.aclose()
        assert (await waiting).answered_by == "unknown"


@pytest.mark.parametrize("options", [{"hold": -1}, {"api_key": ""}])
async def test_a_wrong_option_is_refused(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError):
        pyai.AnsweringMachineDetector(**{"api_key": KEY, **options})


# -- a participant ----------------------------------------------------------------------------------


class Publication:
    kind = rtc.TrackKind.KIND_AUDIO
    subscribed = True
    sid = "TR_1"

    def __init__(self, track: rtc.Track) -> None:
        self.track = track


class Participant:
    state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE

    def __init__(self, identity: str, kind: Any) -> None:
        self.identity, self.kind = identity, kind
        self.attributes: dict[str, str] = {}
        self.track_publications: dict[str, Publication] = {}
        self.source = rtc.AudioSource(8000, 1)
        self.told = asyncio.Event()

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        self.attributes |= attributes
        self.told.set()

    def publish(self) -> None:
        track = rtc.LocalAudioTrack.create_audio_track("call", self.source)
        self.track_publications["TR_1"] = Publication(track)

    async def speak(self, seconds: float) -> None:
        for frame in frames(seconds, rate=8000):
            await self.source.capture_frame(frame)


class Line(rtc.EventEmitter[str]):
    """What LiveKit's helpers look at of a room."""

    def __init__(self) -> None:
        super().__init__()
        self.local_participant = Participant("agent", rtc.ParticipantKind.PARTICIPANT_KIND_AGENT)
        self.remote_participants: dict[str, Participant] = {}
        self.connected = True

    def isconnected(self) -> bool:
        return self.connected

    def join(self, identity: str, kind: Any = SIP, status: str = "ringing") -> Participant:
        joined = self.remote_participants[identity] = Participant(identity, kind)
        joined.attributes["sip.callStatus"] = status
        joined.publish()
        self.emit("participant_active", joined)
        return joined


def answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiveKit's helper asks whether somebody whose attributes change is a remote participant."""
    monkeypatch.setattr(rtc, "RemoteParticipant", Participant)


async def test_a_sip_participant_is_heard_from_the_answer_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch)
    line = Line()
    async with amd_service(after(0.3, MACHINE)) as service, detector(service) as amd, asyncio.timeout(30):
        amd.hear_participant(line)  # type: ignore[arg-type]
        caller = line.join("phone")
        await asyncio.sleep(0)
        await caller.speak(0.5)
        assert not any(peer.coded for peer in service.peers)  # ringing is not part of the call
        caller.attributes["sip.callStatus"] = "active"
        line.emit("participant_attributes_changed", ["sip.callStatus"], caller)
        speaking = asyncio.create_task(caller.speak(5.0))
        assert (await amd.decided()).is_machine()
        speaking.cancel()
        await line.local_participant.told.wait()
        assert line.local_participant.attributes == {"pyai.amd": "machine", "pyai.amd.reason": "leave a message"}


async def test_a_named_participant_who_is_no_telephone_is_heard_at_once() -> None:
    line = Line()
    caller = line.join("browser", rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD)
    async with amd_service(after(0.2)) as service, detector(service) as amd, asyncio.timeout(30):
        amd.hear_participant(line, "browser")  # type: ignore[arg-type]
        speaking = asyncio.create_task(caller.speak(5.0))
        assert (await amd.decided()).is_human()
        speaking.cancel()


async def test_a_call_that_is_never_answered_lets_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch)
    line = Line()
    caller = line.join("phone")
    async with amd_service(stay) as service, detector(service) as amd, asyncio.timeout(30):
        amd.hear_participant(line, "phone")  # type: ignore[arg-type]
        waiting = asyncio.create_task(amd.decided())
        await asyncio.sleep(0.1)
        line.emit("participant_disconnected", caller)
        assert (await waiting).answered_by == "unknown"


# -- the agent --------------------------------------------------------------------------------------


class Caller(pyai.PatientAgentMixin, Agent):
    def __init__(self, amd: pyai.AnsweringMachineDetector, greets: bool) -> None:
        super().__init__(instructions="Echo.")
        self.amd = amd
        self.refused = asyncio.Event()
        """A turn of the other party was not answered."""
        self._greets = greets

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        try:
            await super().on_user_turn_completed(turn_ctx, new_message)
        except StopResponse:
            self.refused.set()
            raise

    async def on_enter(self) -> None:
        if self._greets and await self.amd.may_speak():
            await self.session.say(GREETING)


@asynccontextmanager
async def calling(script: Script, *, greets: bool) -> AsyncIterator[tuple[Call, Echo, Caller]]:
    """Run an agent whose caller says hello."""

    async def hello(peer: HearPeer) -> None:
        await peer.hear_audio(SECOND)
        ending = {"text": "Hello?", "utterance_id": "u", "t_ms": 1000, "endpoint_reason": "endpoint"}
        await peer.say(type="speech_final", **ending)
        await peer.say(type="final", **ending)
        await hear_nothing(peer)

    brain = Echo()
    async with amd_service(script) as service, detector(service) as amd, scripted(hello) as server, hear(server) as stt:
        agent = Caller(amd, greets)
        async with call(agent, stt=stt, llm=brain, turn_handling=pyai.turn_handling()) as running, asyncio.timeout(30):
            for frame in frames(1.0):
                running.microphone.play(frame)
                amd.push_frame(frame)
            yield running, brain, agent


async def test_the_greeting_is_the_answer_to_the_persons_hello() -> None:
    go = asyncio.Event()
    async with calling(decided(HUMAN, go), greets=True) as (running, brain, agent):
        await brain.asked.get()  # the reply that LiveKit prepares early; it is not spoken
        assert running.nothing_more()
        go.set()
        assert (await running.reply()).text_content == GREETING
        said = [(message.role, message.text_content) for message in agent.chat_ctx.messages()]
        assert said[-2:] == [("user", "Hello?"), ("assistant", GREETING)]  # the model will know of both


async def test_without_a_greeting_the_model_answers_when_it_is_a_person() -> None:
    go = asyncio.Event()
    async with calling(decided(HUMAN, go), greets=False) as (running, brain, _):
        await brain.asked.get()
        go.set()
        assert (await running.reply()).text_content == "You said: Hello? Anything else?"


@pytest.mark.parametrize("greets", [True, False])
async def test_a_machine_is_neither_greeted_nor_answered(greets: bool) -> None:
    async with calling(after(0.1, MACHINE), greets=greets) as (running, _, agent):
        assert not await agent.amd.may_speak()
        await agent.refused.wait()
        running.session.say("Please call us back.")
        assert (await running.reply()).text_content == "Please call us back."
        assert running.nothing_more()
