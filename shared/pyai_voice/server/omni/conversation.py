"""One Omni conversation: it listens, thinks, calls tools and speaks at the same time; no word of any wire.

Above: the framings (:mod:`.native`, ``openai``). Below: :mod:`.ears` hear, :mod:`.mind` thinks, :mod:`.floor` speaks,
:mod:`.toolbox` acts. This file decides what follows from what.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any

from ...audio import AudioFormat
from ...errors import PyAIError
from ...omni_options import OmniOptions
from ...words import same_words
from ..brain import Brain, Message, ToolRequest
from ..engines.load import Engines
from .backchannel import is_backchannel
from .ears import Ears, Finished, Guess, Heard, NoVoice, Said, VoiceBegan
from .fact_queue import FactQueue
from .facts import (
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerWords,
    DigitsPressed,
    Ended,
    Fact,
    IdlePrompted,
    Trouble,
)
from .floor import Floor
from .habits import Habits
from .mind import Mind, PassageSource
from .pulse import Pulse
from .speech import Speech, Voice, recite
from .tasks import Tasks
from .toolbox import Toolbox, ToolPoster
from .turn import Turn
from .voice_watch import sensitivity

__all__ = ["Conversation"]

_log = logging.getLogger(__name__)

_TICK = 0.05
"""Seconds between two looks at the clock."""
_PIECE = 0.1
"""Seconds of the caller's audio that are heard at once."""
_IDLE_PROMPT = "Are you still there?"


class Conversation:
    """A conversation with one caller. Must be made inside a running event loop.

    ::

        conversation = Conversation(engines, brain, agent, caller_rate=16000, output_rate=24000)
        conversation.greet()                    # the consent line and the greeting of the agent, where it has them
        await conversation.feed(pcm)            # the caller's audio, any size, in real time
        async for fact in conversation:         # in a task of its own; ends after facts.Ended
            ...
        await conversation.aclose()

    Only ``feed``, ``commit``, ``clear``, ``finish`` and ``aclose`` wait; everything else takes effect at once, in the
    order of the calls, and is told as facts. An error of the brain or of a tool is a fact (Trouble), the conversation
    goes on; one of the ears ends it (Trouble, then Ended ``engine_failed``).
    """

    def __init__(
        self,
        engines: Engines,
        brain: Brain,
        agent: OmniOptions,
        *,
        caller_rate: int,
        output_rate: int,
        habits: Habits | None = None,
        passages: PassageSource | None = None,
        poster: ToolPoster | None = None,
    ) -> None:
        """Rates are samples a second; audio is pcm16 mono. ``agent`` says persona, voice, greeting, tools ...

        ``passages`` finds passages for the caller's words, ``poster`` carries out tools that have an address.
        """
        self.agent = agent
        self.habits = habits or Habits()
        self._synthesizer = engines.synthesizer
        self._output_rate = output_rate
        self._piece = AudioFormat(caller_rate).size(_PIECE)
        self._facts = FactQueue()
        self._tasks = Tasks(self._failed)
        self._mind = Mind(brain, agent, passages, self._want)
        self._toolbox = Toolbox(self._facts, self._tasks, poster, self._settled)
        self._floor = Floor(self._facts, self._mind.history, self._tasks, self.habits.ahead, self._handed_out)
        found, terms = self.habits.finds_turns, _vocabulary(agent)
        self._ears = Ears(engines, caller_rate, self.habits.endpointing, found=found, terms=terms)
        self._ears.adjust(sensitivity(agent.extra.get("barge_sensitivity")))
        self._speeches = set[Speech]()
        self._guess: tuple[str, Speech] | None = None
        self._commits = deque[bool]()
        """For each commit that is not answered yet, whether its words are to be told."""
        self._utterance = 1
        self._caller_open = False
        self._unsaid = ""
        """The first part of an utterance that was longer than the ears can hold."""
        self._pulse = Pulse(_now())
        self._closed = False
        self._tasks.start(self._listen())
        self._tasks.start(self._watch_clock())

    # What the framing says

    async def feed(self, pcm: bytes) -> None:
        """Hear the caller; half a sample is carried over. Waits while ten seconds are unheard."""
        for start in range(0, len(pcm), self._piece):
            for heard in await self._ears.feed(pcm[start : start + self._piece]):
                self._hear(heard)

    async def commit(self) -> None:
        """End the caller's utterance here, silence or not: exactly one CallerSaid (``committed``) follows."""
        self._commits.append(True)
        await self._ears.commit()

    async def clear(self) -> None:
        """Forget what the caller said since the last CallerSaid: nothing is told of it."""
        self._commits.append(False)
        await self._ears.commit()

    def configure(self, agent: OmniOptions, habits: Habits | None = None) -> None:
        """Be this agent, and behave like this, from now on; what is being said goes on."""
        before, self.habits = self.habits, habits or self.habits
        self.agent = self._mind.agent = agent
        self._ears.adjust(sensitivity(agent.extra.get("barge_sensitivity")))
        if (before.finds_turns, before.endpointing) != (self.habits.finds_turns, self.habits.endpointing):
            self._tasks.start(self._ears.set_turns(self.habits.finds_turns, self.habits.endpointing))
        self._tasks.start(self._ears.listen_for(_vocabulary(agent)))

    def greet(self) -> None:
        """Say the agent's consent line, which nothing interrupts, and its greeting; nothing where it has none."""
        if self.agent.consent_line:
            self._say(self.agent.consent_line, Turn("greeting", interruptible=False))
        if self.agent.greeting:
            self._say(self.agent.greeting, Turn("greeting"))

    def say(self, text: str) -> None:
        """Say this, word for word, after what is being said; it enters the history."""
        self._say(text, Turn("request"))

    def respond(self, instructions: str = "", *, tools: bool = True) -> str:
        """Answer now with what was said so far; ``instructions`` take the persona's place for this answer only.

        What is being said is interrupted (reason ``client``). Returns the name of the reply.
        """
        self.interrupt()
        turn = Turn("request")
        self._start(self._mind.think(turn, instructions=instructions, tools=tools), turn)
        return self._floor.latest

    def interrupt(self) -> None:
        """Stop speaking and thinking: Interrupted (reason ``client``) where a turn had begun."""
        self._forget_guess()
        self._floor.drop()
        self._floor.interrupt("client")

    def add(self, message: Message) -> None:
        """Put an entry into the history; nobody answers it."""
        self._mind.history.add(message)

    def rewrite(self, messages: Iterable[Message]) -> None:
        """Put these in the place of the history: some clients own it, and take entries out or put some in between."""
        self._mind.history.rewrite(messages)

    def truncate(self, reply: str, seconds: float) -> None:
        """Say how much of an interrupted reply the caller really heard; the history holds only that."""
        self._floor.truncate(reply, seconds)

    def press(self, digits: str) -> None:
        """Tell that the caller pressed keys; the agent answers when no more come for a moment, or after ``#``."""
        self._pulse.press(digits, _now())

    def answer_tool(self, call_id: str, result: Any = None, error: str = "") -> None:
        """Give the result of a ToolWanted, or why there is none; ignored where it is answered already."""
        self._toolbox.answer(call_id, result, error)

    async def __aiter__(self) -> AsyncIterator[Fact]:
        """Yield every fact in order."""
        while (fact := await self._facts.take()) is not None:
            yield fact

    async def finish(self) -> None:
        """Say no more, let what was handed out be played, then end with ``closed``."""
        self._floor.end()
        await asyncio.sleep(self._floor.playing)
        self._facts.put(Ended("closed"))

    async def aclose(self) -> None:
        """Stop at once and let go of everything. Safe to call twice."""
        self._closed = True
        await self._tasks.aclose()
        await asyncio.gather(*(speech.aclose() for speech in self._speeches))
        await self._ears.aclose()
        self._facts.put(Ended("closed"))

    # Hearing

    async def _listen(self) -> None:
        async for heard in self._ears:
            self._hear(heard)

    def _hear(self, heard: Heard) -> None:
        self._pulse.heard(_now())
        match heard:
            case VoiceBegan(at):
                self._voice_began(at)
            case NoVoice(at) if self._unsaid:  # nothing came after the longest utterance
                self._finished(Finished("", at, at, "silence"))
            case NoVoice(at):
                self._voice_ended(at)
                self._floor.resume()
            case Said(text, stable, reading, at):
                text, stable, reading = map(self._so_far, (text, stable, reading))
                self._facts.put(CallerWords(self._name, text, stable, reading, at))
            case Guess(text):
                self._guessed(text)
            case Finished():
                self._finished(heard)

    @property
    def _name(self) -> str:
        return f"utt_{self._utterance}"

    def _so_far(self, text: str) -> str:
        return f"{self._unsaid} {text}".strip()

    def _voice_began(self, at: float) -> None:
        self._caller_open = True
        self._facts.put(CallerStarted(self._name, at))
        if self.habits.finds_turns and self.habits.interruptible and self._floor.interruptible:
            self._floor.interrupt("caller", keep=self.habits.answers)

    def _voice_ended(self, at: float) -> None:
        if self._caller_open:
            self._caller_open = False
            self._facts.put(CallerStopped(self._name, at))
            self._utterance += 1

    def _guessed(self, text: str | None) -> None:
        self._forget_guess()
        answering = self.habits.eager and self.habits.answers and self.habits.finds_turns
        if text is None or not answering or (self._floor.held and self._is_sign(text)):
            return
        turn = Turn("caller")
        said = self._so_far(text)
        self._guess = (said, self._speech(self._mind.think(turn, said), turn))

    def _forget_guess(self) -> None:
        if self._guess is not None:
            self._guess[1].stop()
        self._guess = None

    def _finished(self, heard: Finished) -> None:
        committed = heard.reason == "client_commit"
        wanted = self._commits.popleft() if committed and self._commits else True
        text = self._so_far(heard.text)
        if heard.reason == "max_utterance":
            self._unsaid = text
            return
        self._unsaid = ""
        name = self._name
        if not self._caller_open and text:
            self._facts.put(CallerStarted(name, heard.began))
            self._caller_open = True
        if committed and not self._caller_open:
            self._utterance += 1
        self._voice_ended(heard.ended)
        if wanted and (text or committed):
            self._facts.put(CallerSaid(name, text, heard.began, heard.ended, committed))
        self._follow(text if wanted else "", heard)

    def _follow(self, text: str, heard: Finished) -> None:
        """Answer the caller, or go on with what was being said."""
        if not text or (self._floor.held and self._is_sign(text)):
            self._forget_guess()
            self._floor.resume()
            return
        if not self.habits.answers:
            self._forget_guess()
            self._floor.drop()
            self._mind.history.add(Message("user", text))
            return
        self._answer(text, _now() - max(0.0, self._ears.position - heard.ended))

    def _is_sign(self, text: str) -> bool:
        return is_backchannel(text) and not self._floor.expects

    def _answer(self, text: str, since: float) -> None:
        """Answer the caller's words, with what was thought ahead where they are the same."""
        guess, self._guess = self._guess, None
        self._floor.drop()
        if self._floor.interruptible:
            self._floor.interrupt("caller")
        self._mind.history.add(Message("user", text))
        if guess is not None and same_words(guess[0], text):
            speech = guess[1]
        else:
            if guess is not None:
                guess[1].stop()
            turn = Turn("caller")
            speech = self._speech(self._mind.think(turn), turn)
        speech.turn.waited_from = since
        self._floor.start(speech)

    def _say(self, text: str, turn: Turn) -> None:
        self._start(recite(text, turn), turn)

    def _start(self, thoughts: AsyncGenerator[str | Fact], turn: Turn) -> None:
        self._floor.start(self._speech(thoughts, turn))

    def _speech(self, thoughts: AsyncGenerator[str | Fact], turn: Turn) -> Speech:
        habits = self.habits
        voice = Voice.of(self._synthesizer, self.agent.voice, self._output_rate, habits.speed, silent=not habits.speaks)
        speech = Speech(thoughts, voice, turn)
        self._speeches = {each for each in self._speeches if not each.done} | {speech}
        return speech

    def _handed_out(self, turn: Turn) -> None:
        if turn.hang_up is not None:
            self._tasks.start(self._hang_up(turn))

    async def _hang_up(self, turn: Turn) -> None:
        """Ask for the end of the call when the last words have been heard, unless the caller speaks meanwhile."""
        control = turn.hang_up
        await asyncio.sleep(self._floor.playing)
        if control is not None and not self._floor.held and not self._caller_open:
            self._facts.put(control)
            self._pulse.hang_up(_now())

    # Tools

    def _want(self, turn: Turn, request: ToolRequest) -> None:
        self._toolbox.ask(turn, request, self.agent.tools, controls=self.habits.controls)

    def _settled(self, turn: Turn) -> None:
        """Go on with the results, unless the caller speaks: then they are part of the next answer."""
        spoke = bool(turn.entry.text) and all(each.result == "done" for each in turn.entry.tools)
        if not self.habits.continues or self._caller_open or (spoke and turn.controls):
            return
        following = Turn("tools", round=turn.round + 1)
        self._start(self._mind.think(following), following)

    # Time

    async def _watch_clock(self) -> None:
        while not self._closed:
            await asyncio.sleep(_TICK)
            self._tick(_now())

    def _tick(self, now: float) -> None:
        if keys := self._pulse.keys(now):
            self._take_keys(keys)
        if self._pulse.idle(now, self._floor.busy or self._caller_open, self.habits):
            self._prompt()
        if reason := self._pulse.over(now, self.habits):
            self._facts.put(Ended(reason))

    def _take_keys(self, keys: str) -> None:
        self._facts.put(DigitsPressed(keys))
        self._forget_guess()
        self._floor.drop()
        self._floor.interrupt("caller")
        self._mind.history.add(Message("user", f"[The caller pressed {' '.join(keys)} on the keypad]"))
        if self.habits.answers:
            turn = Turn("digits")
            self._start(self._mind.think(turn), turn)

    def _prompt(self) -> None:
        if self.agent.extra.get("idle_check_in") != "off":
            self._facts.put(IdlePrompted())
            self._say(_IDLE_PROMPT, Turn("idle"))

    def _failed(self, error: BaseException) -> None:
        """End: one of the tasks that hear or speak has failed."""
        _log.error("an Omni conversation failed", exc_info=None if isinstance(error, PyAIError) else error)
        said = error.message if isinstance(error, PyAIError) else "The conversation failed; see the server's log"
        self._facts.put(Trouble(getattr(error, "code", "internal_error"), said))
        self._facts.put(Ended("engine_failed"))


def _vocabulary(agent: OmniOptions) -> tuple[str, ...]:
    """Return the words to listen for, of an agent that has some."""
    said = agent.extra.get("vocabulary")
    return tuple(str(each) for each in said[:5]) if isinstance(said, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON


def _now() -> float:
    return asyncio.get_running_loop().time()
