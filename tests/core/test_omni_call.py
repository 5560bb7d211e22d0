"""Both machines of Omni against each other: any order of sound, interruptions, turns and tools, on a slow line."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.omni_events import (
    CallerTranscript,
    Interrupted,
    OmniEvent,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    ToolCallClosed,
    ToolCalled,
)
from pyai_voice.omni_options import OmniOptions, Tool
from pyai_voice.protocol.omni.client import OmniClient
from pyai_voice.protocol.omni.request import OmniRequest
from pyai_voice.protocol.omni.server import Configure, Dialect, OmniServer, ToolAnswered

_TURN_BYTES = 2
"""Each chunk of audio is the number of its turn, as one sample, again and again."""


@dataclass
class Conversation:
    """A client and a server, one clock, and a line that delivers late."""

    dialect: Dialect
    client: OmniClient = field(init=False)
    server: OmniServer = field(init=False)
    now: float = 10.0
    to_client: deque[bytes] = field(default_factory=deque)
    events: list[OmniEvent] = field(default_factory=list)
    answered: list[ToolAnswered] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    waiting: dict[str, ToolCalled] = field(default_factory=dict)
    results: dict[str, int] = field(default_factory=dict)
    turn: int = 0

    def __post_init__(self) -> None:
        self.client = OmniClient(OmniOptions(tools=(Tool(name="look", timeout=2.0),), greeting="Hello"))
        self.server = OmniServer(OmniRequest(16000), "call_1", dialect=self.dialect)
        self.server.open()
        self.client.open(self.now)
        self.exchange(deliver=99)

    def exchange(self, deliver: int) -> None:
        """Send everything to the server, and at most so many messages to the client."""
        for message in self.client.data_to_send():
            self._count_result(message)
            for call in self.server.receive(message, self.now):
                self._serve(call)
        self.to_client += self.server.data_to_send()
        for _ in range(min(deliver, len(self.to_client))):
            self._hear(self.client.receive(self.to_client.popleft(), self.now))

    def _count_result(self, message: bytes) -> None:
        if b'"tool_result"' in message:
            call_id = message.split(b'"call_id":"')[1].split(b'"')[0].decode()
            self.results[call_id] = self.results.get(call_id, 0) + 1

    def _serve(self, call: object) -> None:
        match call:
            case Configure(agent):
                self.server.confirm(voice="onyx", language="en", greeting=True, knowledge=False, tools=len(agent.tools))
            case ToolAnswered():
                self.answered.append(call)
            case _:
                raise AssertionError(call)

    def _hear(self, events: list[OmniEvent]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, ToolCalled):
                self.waiting[event.call_id] = event
            if isinstance(event, ToolCallClosed):
                self.waiting.pop(event.call_id, None)

    def passes(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.now += step
            self._hear(self.client.tick(self.now))
            for call in self.server.tick(self.now):
                self._serve(call)

    def does(self, action: str, amount: int) -> None:
        match action:
            case "turn":
                self.turn = self.server.turn_begin(0.3)
            case "audio":
                self.turn = self.turn or self.server.turn_begin()
                self.server.audio(self.turn.to_bytes(_TURN_BYTES, "little") * (2_400 * amount))
            case "text":
                self.server.agent_said(f"turn {self.turn}.", final=amount > 2)
            case "caller":
                self.server.caller_said(f" word{amount}")
            case "flush":
                self.server.interrupt("energy", f"turn {self.turn}" if amount > 2 else None)
            case "call":
                self.asked.append(self.server.tool_call("look" if amount > 1 else "unknown", {}, self.now))
            case "answer":
                self._answer(amount)
            case "our own interruption":
                self._hear(self.client.interrupt(self.now))
            case _:
                self.passes(amount * 0.2)

    def _answer(self, amount: int) -> None:
        for call_id in list(self.waiting)[:amount]:
            del self.waiting[call_id]
            self.client.answer(call_id, "done") if amount > 1 else self.client.fail(call_id, "failed")
            self.client.answer(call_id, "twice")


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["turn", "audio", "audio", "text", "caller", "flush", "call", "answer", "our own interruption", "time"]
        ),
        st.integers(1, 5),
        st.integers(0, 6),
    ),
    max_size=60,
)
DIALECTS = st.builds(Dialect, words_as_json=st.booleans(), announces_turns_twice=st.booleans())


@settings(max_examples=1_500)
@given(ACTIONS, DIALECTS)
def test_any_order_leaves_no_open_reply_no_unanswered_call_and_no_ghost(
    actions: list[tuple[str, int, int]], dialect: Dialect
) -> None:
    talk = Conversation(dialect)
    for action, amount, delivered in actions:
        talk.does(action, amount)
        talk.exchange(delivered)
    talk.exchange(deliver=10_000)
    talk.passes(40.0, step=1.0)
    talk.exchange(deliver=10_000)
    check_replies(talk.events)
    check_ghosts(talk.events)
    check_tools(talk)
    check_caller(talk.events)


def check_replies(events: list[OmniEvent]) -> None:
    """Each reply starts once, ends once, and lies between; never two at once."""
    opened: str | None = None
    seen: set[str] = set()
    for event in events:
        match event:
            case ReplyStarted(reply):
                assert opened is None and reply not in seen
                opened = reply
                seen.add(reply)
            case ReplyAudio(reply=reply) | ReplyText(reply=reply):
                assert reply == opened
            case ReplyEnded(reply=reply):
                assert reply == opened
                opened = None
            case _:
                pass
    assert opened is None


def check_ghosts(events: list[OmniEvent]) -> None:
    """After an interruption there is no sound of a turn that was heard before it."""
    newest, floor = 0, -1
    for event in events:
        if isinstance(event, Interrupted):
            floor = newest
        if isinstance(event, ReplyAudio):
            turn = int.from_bytes(event.pcm[:_TURN_BYTES], "little")
            assert turn > floor, "sound of an interrupted turn"
            newest = max(newest, turn)


def check_tools(talk: Conversation) -> None:
    """Every call reached its end on both sides, and was answered once."""
    assert sorted(each.call_id for each in talk.answered) == sorted(talk.asked)
    assert set(talk.results) == set(talk.asked)
    assert all(count == 1 for count in talk.results.values())


def check_caller(events: list[OmniEvent]) -> None:
    """An utterance is final once; what is amended follows its final."""
    finals: dict[str, int] = {}
    for event in events:
        if isinstance(event, CallerTranscript):
            if event.final and not event.amended:
                finals[event.utterance] = finals.get(event.utterance, 0) + 1
            assert not event.amended or finals.get(event.utterance) == 1
    assert all(count == 1 for count in finals.values())


def test_a_whole_conversation() -> None:
    talk = Conversation(Dialect())
    script: list[tuple[str, Any]] = [
        ("turn", 1), ("audio", 2), ("text", 3), ("time", 3), ("caller", 1), ("turn", 1), ("call", 2), ("answer", 2),
        ("audio", 3), ("text", 3), ("flush", 3), ("audio", 3), ("time", 1), ("caller", 2), ("turn", 1), ("audio", 1),
    ]  # fmt: skip
    for action, amount in script:
        talk.does(action, amount)
        talk.exchange(99)
    talk.passes(2.0)
    assert [type(each).__name__ for each in talk.events] == [
        "CallStarted", "Configured",
        "AgentTurnBegan", "ReplyStarted", "ReplyAudio", "ReplyText", "ReplyEnded",
        "CallerTranscript", "CallerTranscript", "AgentTurnBegan", "ToolCalled",
        "ReplyStarted", "ReplyAudio", "ReplyText",
        "Interrupted", "ReplyEnded", "ReplyTruncated",
        "CallerTranscript", "CallerTranscript", "AgentTurnBegan", "ReplyStarted", "ReplyAudio", "ReplyEnded",
    ]  # fmt: skip
    assert talk.answered == [ToolAnswered("tc_1", "look", "done")]
