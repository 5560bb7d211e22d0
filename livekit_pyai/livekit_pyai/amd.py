"""Answering-machine detection for calls: who has answered, and nothing said until it is known.

    async with pyai.AnsweringMachineDetector() as amd:
        amd.hear_participant(ctx.room)                          # the SIP participant, once its call is answered
        await session.start(Caller(amd), room=ctx.room)

Above: the agent. Below: :class:`~pyai_voice.amd.AmdStream`, with a connection of its own. LiveKit's own ``AMD`` has a
language model judge the transcript; this one is told by the sound: tones, pauses and words.
"""

from __future__ import annotations

import asyncio
from typing import Literal, Self

from livekit import rtc
from livekit.agents import Agent, StopResponse, llm
from livekit.agents.utils.participant import (
    wait_for_participant,
    wait_for_participant_attribute,
    wait_for_track_publication,
)

from pyai_voice.amd import AmdStream
from pyai_voice.amd_events import AmdDecision
from pyai_voice.amd_options import AmdOptions
from pyai_voice.errors import ConfigurationError, PyAIError
from pyai_voice.options import Endpoint, LinkOptions

from ._sound import MonoInput
from .log import logger

__all__ = ["AnsweringMachineDetector", "PatientAgentMixin"]

_RATE = 8000
_CALL_STATUS, _ANSWERED = "sip.callStatus", "active"
_ATTRIBUTE = "pyai.amd"
"""Attributes of the agent's participant that say who has answered."""


class AnsweringMachineDetector(rtc.EventEmitter[Literal["amd_decision"]]):
    """Tells who has answered one call. Make it inside a running event loop; close it, or use it as a context.

    Give it the call's audio: :meth:`hear_participant`, or :meth:`push_frame`. Before the agent speaks, ask
    :meth:`may_speak` or :meth:`decided`. Emits ``amd_decision`` with an AmdDecision, once; also where ``hold`` was over
    before, so that the agent may still hang up.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        options: AmdOptions | None = None,
        hold: float = 6.0,
        insecure: bool = False,
        link: LinkOptions | None = None,
    ) -> None:
        """Begin to connect, while the telephone rings.

        Args:
            api_key: Defaults to the environment variable ``PYAI_API_KEY``.
            base_url: Defaults to ``PYAI_BASE_URL``, else to PyAI's.
            options: Aggressiveness, correlation keys and the like.
            hold: Seconds of the call after which the agent may speak without a decision.
            insecure: Allow http to a host that is not this machine.
            link: How patient the connection is.

        Raises:
            ConfigurationError: A ValueError: the key is missing, or an option is wrong.
        """
        super().__init__()
        if hold < 0:
            raise ConfigurationError("hold: expected 0 or more seconds", code="invalid_option")
        chosen = (options or AmdOptions()).replace(encoding="pcm16", sample_rate=_RATE)
        self._stream = AmdStream(Endpoint.from_env(api_key, base_url, insecure=insecure), chosen, link=link)
        self._stream.start()
        self._hold = hold
        self._input = MonoInput(_RATE)
        self._held = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._decision: AmdDecision | None = None
        self._asked = False
        self._watching = asyncio.create_task(self._watch(), name="pyai-amd-decision")
        self._hearing: asyncio.Task[None] | None = None
        self._room: rtc.Room | None = None

    @property
    def decision(self) -> AmdDecision | None:
        """Who has answered; None while it is not known."""
        return self._decision

    @property
    def greeting(self) -> bool:
        """Whether the agent has asked if it may speak: then its greeting is the answer to the person's hello."""
        return self._asked

    async def decided(self) -> AmdDecision:
        """Return who has answered, at the latest ``hold`` seconds after the call was answered: then ``unknown``.

        Never raises; without PyAI it is ``unknown`` as well. While the telephone rings it waits.
        """
        await self._held.wait()
        reason = f"no decision within {self._hold:g} s"
        return self._decision or AmdDecision("unknown", "unknown", reason=reason, rule_id="hold")

    async def may_speak(self) -> bool:
        """Return whether to greet, waiting as :meth:`decided` does: not a machine."""
        self._asked = True
        return not (await self.decided()).is_machine()

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Hear a piece of the call, of any rate and number of channels. Never waits; idle once the call is decided."""
        if self._stream.closed:
            return
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._hold, self._held.set)
        self._stream.send_audio(self._input.feed(frame))

    def hear_participant(self, room: rtc.Room, identity: str | None = None) -> None:
        """Hear a participant in the background: a SIP participant from the moment its call is answered.

        Without ``identity``: the first SIP participant. The room must be connected. The decision is also told to the
        room, as attributes of the agent's participant: ``pyai.amd``, ``pyai.amd.reason``.
        """
        self._room = room
        self._hearing = asyncio.create_task(self._hear(room, identity), name="pyai-amd-audio")

    async def aclose(self) -> None:
        """Close now; safe to call twice. Who waits is told that nobody knows."""
        tasks = [task for task in (self._hearing, self._watching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stream.aclose()
        if self._timer is not None:
            self._timer.cancel()
        self._held.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _hear(self, room: rtc.Room, identity: str | None) -> None:
        try:
            track = await _answered_track(room, identity)
        except RuntimeError as error:  # LiveKit's: the participant or the room has gone
            logger.debug("AMD: the call ended before it was answered: %s", error)
            await self._stream.aclose()
            return
        audio = rtc.AudioStream(track, sample_rate=_RATE, num_channels=1)
        try:
            async for event in audio:
                self.push_frame(event.frame)
                if self._stream.closed:
                    return
            await self._stream.finish()
        finally:
            await audio.aclose()

    async def _watch(self) -> None:
        try:
            decision = await self._stream.decision()
        except PyAIError as error:
            logger.warning("AMD: %s", error)
            decision = AmdDecision("unknown", "unknown", reason=str(error), rule_id="error")
        self._decision = decision
        self._held.set()
        logger.info("AMD: %s has answered", decision.answered_by, extra={"reason": decision.reason})
        self.emit("amd_decision", decision)
        if self._room is not None and self._room.isconnected():
            await self._room.local_participant.set_attributes(
                {_ATTRIBUTE: decision.answered_by, f"{_ATTRIBUTE}.reason": decision.reason}
            )


async def _answered_track(room: rtc.Room, identity: str | None) -> rtc.Track:
    """Return a participant's audio once its call is answered. Raises RuntimeError when it will not come."""
    sip = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    participant = await wait_for_participant(room, identity=identity, kind=None if identity else sip)
    if participant.kind == sip:
        await wait_for_participant_attribute(
            room, identity=participant.identity, attribute=_CALL_STATUS, value=_ANSWERED
        )
    publication = await wait_for_track_publication(
        room, identity=participant.identity, kind=rtc.TrackKind.KIND_AUDIO, wait_for_subscription=True
    )
    if publication.track is None:
        raise RuntimeError("the track has gone")
    return publication.track


class PatientAgentMixin(Agent):
    """An agent that answers no machine: put it before Agent, and set ``amd``.

    ::

        class Caller(pyai.PatientAgentMixin, Agent):
            def __init__(self, amd):
                super().__init__(instructions="...")
                self.amd = amd

            async def on_enter(self):
                if await self.amd.may_speak():
                    await self.session.say("Hello! ...")

    What the other party says before the decision waits for it. Where the agent greets (it has asked ``may_speak``), its
    greeting is the answer to that, and the model is told of both at the next turn; else the model answers.
    """

    amd: AnsweringMachineDetector
    """Who has answered."""
    talk_to_machines: bool = False
    """Whether the model answers machines as well (menus, call screening)."""

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        """Wait for the decision; raise StopResponse where nothing is to be answered."""
        early = self.amd.decision is None
        machine = (await self.amd.decided()).is_machine()
        if machine and not self.talk_to_machines:
            raise StopResponse
        if early and self.amd.greeting:
            await self._remember(new_message)
            raise StopResponse
        await super().on_user_turn_completed(turn_ctx, new_message)

    async def _remember(self, message: llm.ChatMessage) -> None:
        """Keep for the model what LiveKit forgets of a turn that is not answered: the person may have said a name."""
        chat = self.chat_ctx.copy()
        chat.insert(message)
        await self.update_chat_ctx(chat)
