"""Whole calls on ``/v1/omni``: our own client, real sockets, a scripted brain, engines that say what they heard."""

from __future__ import annotations

import asyncio
from typing import Any

from pyai_voice.omni_events import (
    AgentTurnBegan,
    CallEnded,
    CallerTranscript,
    Configured,
    Interrupted,
    ReplyAudio,
    ReplyEnded,
    ReplyTruncated,
    ToolCalled,
)
from pyai_voice.omni_options import Tool
from pyai_voice.server.brain.scripted import ScriptedBrain, call
from pyai_voice.testing import spoken
from tests.server.omni_calls import omni_server

LOOK = Tool(name="look", description="Look something up.")


def heard(replies: list[ReplyAudio]) -> bytes:
    return b"".join(reply.pcm for reply in replies)


async def test_it_greets_hears_answers_and_keeps_a_record() -> None:
    async with omni_server(["Yes. I hear you."]) as omni:
        async with omni.call(
            persona="You are Mia.", greeting="Hello.", consent_line="Recorded.", voice="nova"
        ) as caller:
            configured = await caller.until(Configured)
            assert (configured.voice, configured.greeting, configured.tools) == ("nova", True, 0)
            await caller.until(ReplyEnded, lambda reply: reply.text == "Hello.")
            assert heard(caller.all(ReplyAudio)) == spoken("Recorded.") + spoken("Hello.")
            words = caller.speak(0.8)
            said = await caller.until(CallerTranscript, lambda each: each.final)
            assert said.text == words
            answer = await caller.until(ReplyEnded, lambda reply: "hear" in reply.text)
            assert (answer.text, answer.interrupted) == ("Yes. I hear you.", False)
            assert heard(caller.all(ReplyAudio)).endswith(spoken("Yes.") + spoken("I hear you."))
        assert isinstance(omni.brain, ScriptedBrain)
        prompt = omni.brain.prompts[-1]
        assert prompt.persona == "You are Mia."
        assert [(each.role, each.text) for each in prompt.messages] == [
            ("assistant", "Recorded."),
            ("assistant", "Hello."),
            ("user", words),
        ]
        (record,) = await omni.records()
        assert record["status"] == "completed" and record["end_reason"] == "caller" and record["voice_id"] == "nova"
        assert [(entry["role"], entry["text"]) for entry in record["entries"]] == [
            ("agent", "Recorded."),
            ("agent", "Hello."),
            ("caller", words),
            ("agent", "Yes. I hear you."),
        ]
        starts = [entry["start"] for entry in record["entries"]]
        assert starts == sorted(starts) and record["duration"] >= record["entries"][-1]["start"]


async def test_a_tool_of_the_client_is_called_once_and_its_result_is_answered() -> None:
    async def look(arguments: dict[str, Any]) -> object:
        return {"shelf": arguments["id"]}

    lines = [["One moment. ", call("look", id="7")], "It is on shelf seven."]
    async with omni_server(lines) as omni:
        async with omni.call({"look": look}, tools=(LOOK,)) as caller:
            caller.speak(0.4)
            await caller.until(ReplyEnded, lambda reply: "shelf" in reply.text)
            (called,) = caller.all(ToolCalled)
            assert (called.name, called.arguments) == ("look", {"id": "7"})
        assert isinstance(omni.brain, ScriptedBrain)
        last = omni.brain.prompts[-1].messages
        assert [each.role for each in last] == ["user", "assistant", "tool"]
        assert last[1].text == "One moment." and last[2].text == '{"shelf": "7"}'
        (record,) = await omni.records()
        (tool,) = [entry for entry in record["entries"] if entry["kind"] == "tool"]
        assert (tool["name"], tool["result"], tool["error"]) == ("look", {"shelf": "7"}, "")


async def test_the_caller_interrupts_and_the_history_holds_what_was_heard() -> None:
    long = "This is a sentence that takes a good while to be spoken to its end. And another one comes after it."
    async with omni_server([long, "All right."]) as omni:
        async with omni.call() as caller:
            caller.speak(0.4)
            await caller.until(AgentTurnBegan)
            await asyncio.sleep(1.0)  # the caller listens
            caller.speak(0.8)
            await caller.until(Interrupted)
            cut = await caller.until(ReplyTruncated)
            assert long.startswith(cut.text) and 5 < len(cut.text) < len(long) - 20
            again = await caller.until(ReplyEnded, lambda reply: not reply.interrupted)
            assert again.text == "All right."
        assert isinstance(omni.brain, ScriptedBrain)
        answered = omni.brain.prompts[-1].messages[1]
        assert (answered.role, answered.text) == ("assistant", f"{cut.text} -")


async def test_the_agent_hangs_up_after_its_last_words() -> None:
    async with omni_server([["Goodbye.", call("end_call", reason="done")]]) as omni:
        async with omni.call(tools=(Tool(name="end_call"),)) as caller:
            caller.speak(0.4)
            ended = await caller.until(CallEnded)
            assert ended.reason == "service"
            assert heard(caller.all(ReplyAudio)) == spoken("Goodbye.")
        (record,) = await omni.records()
        assert record["end_reason"] == "agent"
        (control,) = [entry for entry in record["entries"] if entry["kind"] == "tool"]
        assert (control["name"], control["arguments"]) == ("end_call", {"reason": "done"})


async def test_the_alias_speaks_the_same_wire() -> None:
    async with omni_server(["Yes."]) as omni, omni.call(surface="realtime", greeting="Hello.") as caller:
        await caller.until(ReplyEnded, lambda reply: reply.text == "Hello.")
        caller.speak(0.4)
        assert (await caller.until(ReplyEnded)).text == "Yes."
