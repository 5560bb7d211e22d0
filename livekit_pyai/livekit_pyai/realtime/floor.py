"""Who has the floor: an Omni call's events in LiveKit's words.

Above: :mod:`.session`. LiveKit's rules that decide the order: a generation is over when its channels are closed, and
while it is open the results of its tools are held back; ``input_speech_started`` stops everything that plays, and
``input_speech_stopped`` must follow, or nothing is played any more; a message of the user has its place by when its
turn began, and is told once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from livekit.agents import llm

from pyai_voice.omni_events import (
    AgentTurnBegan,
    CallerTranscript,
    Interrupted,
    OmniEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCalled,
)

from .generation import Generation
from .timer import Timer

__all__ = ["Floor"]

_TAIL = 0.2
"""Seconds in which a final transcript may be amended, before it is told."""
_TOGETHER = 0.3
"""Seconds in which further tool calls, and what is left of the reply that made them, belong to the same generation,
where it must be closed for LiveKit to hand over the results."""
_NOISE = 3.0
"""Seconds without words after which a caller who was interrupting, or speaking, is taken to be silent."""
_REMEMBERED = 16
"""Generations that may still be playing."""


class Floor:
    """``emit`` tells LiveKit an event; ``over`` is called with each generation that has ended; ``audible`` says whether
    LiveKit is playing something, ``early`` whether results of tools are read before LiveKit hands them over: then a
    generation stays open while it is spoken, since a tool of the next one would wait until this one has been played.
    Needs a running loop.
    """

    def __init__(
        self,
        name: str,
        emit: Callable[..., Any],
        over: Callable[[Generation], None],
        audible: Callable[[], bool],
        early: Callable[[], bool],
    ) -> None:
        self._name = name
        self._emit = emit
        self._over = over
        self._audible = audible
        self._early = early
        self._calls: set[str] = set()
        """Calls of the open generation that wait for their results."""
        self._count = 0
        self._generation: Generation | None = None
        self._recent: deque[Generation] = deque(maxlen=_REMEMBERED)
        self._replying = False
        self._turn_at: float | None = None
        self._requested: asyncio.Future[llm.GenerationCreatedEvent] | None = None
        self._speaking = False
        self._speaking_at = 0.0
        self._utterance = ""
        self._utterance_at = 0.0
        self._final: llm.InputTranscriptionCompleted | None = None
        self._told = self._told_text = ""
        self._tail = Timer(self._tell_final)
        self._together = Timer(self._end_generation)
        self._noise = Timer(self._stop_speaking)

    # What the call tells

    def take(self, event: OmniEvent) -> None:
        """Tell LiveKit what an event means; without effect for events that are not about who speaks."""
        match event:
            case CallerTranscript():
                self._caller(event)
            case AgentTurnBegan():
                self._after_tools()
                self._stop_speaking()
                self._turn_at = time.time()
            case ReplyStarted():
                self._replying = True
                self._after_tools()
                self._stop_speaking()
            case ReplyAudio(pcm=pcm, rate=rate):
                self._continued().audio(pcm, rate)
            case ReplyText(segment=segment, final=final) if segment:
                self._continued().say(segment, final=final)
            case ReplyEnded():
                self._replying = False
                self._end_generation()
            case Interrupted(reason=reason):
                self._interrupted(by_caller=reason != "client")
            case _:
                pass

    def call(self, called: ToolCalled) -> llm.FunctionCall:
        """Have LiveKit run a tool."""
        self._tell_final()  # the tool may read the conversation
        self._stop_speaking()  # or LiveKit waits with it
        arguments = json.dumps(called.arguments)
        call = llm.FunctionCall(call_id=called.call_id, name=called.name, arguments=arguments)
        self._current().call(call)
        self._calls.add(called.call_id)
        if not (self._replying and self._early()):
            self._together.start(_TOGETHER)
        return call

    def answered(self, call_id: str) -> None:
        """A call needs no result any more: what comes when all have theirs is another generation."""
        if call_id in self._calls:
            self._calls.discard(call_id)
            if not self._calls:
                self._end_generation()

    # What LiveKit asks for

    def expect(self) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Return what becomes the next generation."""
        self._requested = asyncio.get_running_loop().create_future()
        return self._requested

    @property
    def expecting(self) -> bool:
        """Whether somebody waits for the next generation."""
        return self._requested is not None and not self._requested.done()

    def refuse(self, error: llm.RealtimeError) -> None:
        """Fail whoever waits for a generation."""
        if self._requested is not None and not self._requested.done():
            self._requested.set_exception(error)
        self._requested = None

    def cut(self) -> bool:
        """Deliver nothing more of what the agent says; return whether it was saying something.

        What the caller has said is told now: a session that is being closed asks for this, and then listens no more.
        """
        self._tell_final()
        replying, self._replying = self._replying or self._generation is not None, False
        for generation in self._recent:
            generation.cut()
        self._end_generation()
        self._recent.clear()
        return replying

    def close(self) -> None:
        """End everything; nothing is told any more but how the last generation went."""
        self._emit = _nothing
        for timer in (self._tail, self._together, self._noise):
            timer.stop()
        self.cut()
        self.refuse(llm.RealtimeError("The session is closed", code="closed"))

    # The agent's side

    def _current(self) -> Generation:
        if self._generation is None:
            self._count += 1
            self._generation = Generation(f"{self._name}_r{self._count}", asked_at=self._turn_at)
            self._turn_at = None
            self._recent.append(self._generation)
            self._announce(self._generation)
        return self._generation

    def _continued(self) -> Generation:
        """Return the generation for more of a reply; one that has called tools is not over while more comes."""
        if self._together.running:
            self._together.start(_TOGETHER)
        return self._current()

    def _after_tools(self) -> None:
        """What comes now is a reply of its own."""
        if self._calls:
            self._end_generation()

    def _announce(self, generation: Generation) -> None:
        requested, self._requested = self._requested, None
        wanted = requested is not None and not requested.done()
        event = generation.event(requested=wanted)
        if requested is not None and wanted:
            requested.set_result(event)
        self._emit("generation_created", event)

    def _end_generation(self) -> None:
        self._together.stop()
        self._calls.clear()
        generation, self._generation = self._generation, None
        if generation is not None:
            generation.end()
            self._over(generation)

    def _interrupted(self, *, by_caller: bool) -> None:
        self.cut()
        if by_caller:
            self._start_speaking()

    # The caller's side

    def _caller(self, words: CallerTranscript) -> None:
        item = f"{self._name}_{words.utterance}"
        if item == self._told:
            self._amend(words.text)
            return
        if item != self._utterance:
            self._tell_final()
            self._utterance, self._utterance_at = item, self._speaking_at if self._speaking else time.time()
        if not self._speaking and not words.final and not self._playing:
            self._start_speaking()
        transcript = llm.InputTranscriptionCompleted(
            item, words.text, words.final, turn_started_at=self._utterance_at if words.final else None
        )
        if words.final:
            self._stop_speaking()
            self._final = transcript
            self._tail.start(_TAIL)
            return
        if self._speaking:
            self._noise.start(_NOISE)
        self._emit("input_audio_transcription_completed", transcript)

    def _amend(self, text: str) -> None:
        """Tell words that came after their utterance was told; the same item again would be in the history twice."""
        more = text.removeprefix(self._told_text).strip()
        if more:
            self._told_text = text
            name = f"{self._told}_{len(text)}"
            self._emit(
                "input_audio_transcription_completed", llm.InputTranscriptionCompleted(name, more, is_final=True)
            )

    def _tell_final(self) -> None:
        self._tail.stop()
        final, self._final = self._final, None
        if final is not None:
            self._told, self._told_text = final.item_id, final.transcript
            self._emit("input_audio_transcription_completed", final)

    @property
    def _playing(self) -> bool:
        """Whether the agent can be heard: words over it are no interruption unless the service says so."""
        return self._replying or self._audible() or any(generation.playing for generation in self._recent)

    def _start_speaking(self) -> None:
        if not self._speaking:
            self._speaking = True
            self._speaking_at = time.time()
            self._noise.start(_NOISE)
            self._emit("input_speech_started", llm.InputSpeechStartedEvent())

    def _stop_speaking(self) -> None:
        self._noise.stop()
        if self._speaking:
            self._speaking = False
            self._emit("input_speech_stopped", llm.InputSpeechStoppedEvent(user_transcription_enabled=False))


def _nothing(*_: object) -> None:
    """Tell nobody."""
