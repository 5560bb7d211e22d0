"""OpenAI's own client in conversation with the local server, over real sockets."""

from __future__ import annotations

import json

from pyai_voice.server.brain.scripted import call
from tests.server.openai_realtime import brain_of, pause, realtime_server, session_with, speech
from tests.server.test_knowledge_hear import fill


async def test_a_session_is_announced_and_changed() -> None:
    async with realtime_server() as local, session_with(local, model="gpt-realtime") as session:
        created = session.events[0].session
        assert created.model == "gpt-realtime" and created.audio.output.voice == "stock_tone"
        updated = await session.configure(instructions="Be brief.", audio={"output": {"voice": "alloy"}})
        assert (updated.instructions, updated.audio.output.voice) == ("Be brief.", "alloy")


async def test_text_is_answered_by_text() -> None:
    async with realtime_server("Good morning.") as local, session_with(local) as session:
        await session.configure(output_modalities=["text"], instructions="Be polite.")
        await session.add("hello")
        await session.connection.response.create()
        done = await session.until("response.done")
        assert done.response.status == "completed"
        assert done.response.output[0].content[0].text == "Good morning."
        (prompt,) = brain_of(local).prompts
        assert prompt.persona == "Be polite."
        assert [(message.role, message.text) for message in prompt.messages] == [("user", "hello")]


async def test_text_is_answered_by_speech() -> None:
    async with realtime_server("Good morning. How are you?") as local, session_with(local) as session:
        await session.add("hello")
        await session.connection.response.create()
        done = await session.until("response.done")
        assert session.transcript() == "Good morning. How are you?"
        assert done.response.output[0].content[0].transcript == session.transcript()
        assert len(session.heard()) == 2 * 24000  # the synthesiser says words without a stop, 0.1 s a letter


async def test_speech_is_heard_and_answered() -> None:
    async with realtime_server("You said it") as local, session_with(local) as session:
        await session.configure(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await session.speak(speech(1.0), pause(2.0))
        done = await session.until("response.done")
        assert done.response.status == "completed"
        kinds = [kind for kind in session.kinds if not kind.endswith(("delta", "done", "added"))]
        assert kinds == [
            "session.created",
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.input_audio_transcription.completed",
            "response.created",
        ]
        completed = next(event for event in session.events if event.type.endswith("transcription.completed"))
        assert completed.transcript == "w1 w2 w3 w4 w5."
        assert 0.8 < completed.usage.seconds < 1.2
        assert brain_of(local).prompts[0].messages[-1].text == "w1 w2 w3 w4 w5."


async def test_without_turn_detection_the_client_says_when() -> None:
    async with realtime_server("Yes") as local, session_with(local) as session:
        await session.configure(audio={"input": {"turn_detection": None, "transcription": {}}})
        await session.speak(speech(0.4), pause(2.0), speech(0.4))
        await session.connection.input_audio_buffer.commit()
        await session.connection.response.create()
        await session.until("response.done")
        assert "input_audio_buffer.speech_started" not in session.kinds
        completed = next(event for event in session.events if event.type.endswith("transcription.completed"))
        assert brain_of(local).prompts[0].messages[-1].text == completed.transcript == "w1 w2 w3 w4."


async def test_what_was_cleared_is_not_heard() -> None:
    async with realtime_server("Yes") as local, session_with(local) as session:
        await session.configure(audio={"input": {"turn_detection": None, "transcription": {}}})
        await session.speak(speech(1.0))
        await session.connection.input_audio_buffer.clear()
        await session.until("input_audio_buffer.cleared")
        await session.speak(speech(0.4), pause(0.2))
        await session.connection.input_audio_buffer.commit()
        completed = await session.until("conversation.item.input_audio_transcription.completed")
        assert completed.transcript == "w1 w2."


async def test_a_function_is_called_and_answered() -> None:
    lines = ("One moment.", call("weather", city="Köln")), "It rains in Köln."
    async with realtime_server(*lines) as local, session_with(local) as session:
        tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
        await session.configure(tools=[tool], output_modalities=["text"])
        await session.add("What is the weather?")
        await session.connection.response.create()
        asked = await session.until("response.function_call_arguments.done")
        assert json.loads(asked.arguments) == {"city": "Köln"} and asked.name == "weather"
        first = await session.until("response.done")
        assert sorted(item.type for item in first.response.output) == ["function_call", "message"]
        answer = {"type": "function_call_output", "call_id": asked.call_id, "output": '{"rain": true}'}
        await session.connection.conversation.item.create(item=answer)
        await session.connection.response.create()
        second = await session.until("response.done")
        assert second.response.output[0].content[0].text == "It rains in Köln."
        prompts = brain_of(local).prompts
        assert [tool.name for tool in prompts[0].tools] == ["weather"]
        said = [(message.role, message.text) for message in prompts[1].messages]
        asking = next(number for number, message in enumerate(prompts[1].messages) if message.tools)
        assert said.pop(asking + 1) == ("tool", '{"rain": true}')
        assert said.pop(asking) == ("assistant", "")
        assert said == [("user", "What is the weather?"), ("assistant", "One moment.")]
        assert prompts[1].messages[asking].tools[0].arguments == {"city": "Köln"}


async def test_answers_are_grounded_in_the_knowledge_bases() -> None:
    async with realtime_server("At nine") as local:
        await fill(local.server.app.state.knowledge, "The shop opens at nine in the morning.", "Parking is free.")
        async with session_with(local) as session:
            await session.configure(output_modalities=["text"])
            await session.add("When does the shop open?")
            await session.connection.response.create()
            await session.until("response.done")
        (prompt,) = brain_of(local).prompts
        assert "opens at nine" in prompt.passages[0].content
