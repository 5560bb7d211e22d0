"""The scene: a first reading, then a caller orders coffee from all bots; who talks with Omni interrupts it once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pyai_voice.audio import wav_bytes
from pyai_voice.client import Client
from pyai_voice.options import SpeakOptions
from pyai_voice.rest.voices import Voice

from .bots import BOTS
from .call import BOT, CALLER, Call, CallError, Exchange
from .caller import SCRIPT, Caller, first_reading, line_of, recorded
from .house import teach
from .screen import Screen
from .servers import Services, services, together
from .times import Times

__all__ = ["OUT", "converse", "scene"]

OUT = Path("out")
"""Where recordings and the log go."""

_ADVICE = (
    "Talk to it: pip install 'pipecat-ai[runner,webrtc]', then python examples/pipecat_bot.py -t webrtc "
    "(how to set its keys is at its top).",
    "Let your recording order: make demo CALLER=file.wav (16-bit mono PCM; a pause of a second ends a line).",
    "Use a real key: export PYAI_API_KEY=..., leave PYAI_BASE_URL unset, and run it again.",
    "Use a real model: export OPENAI_BASE_URL=... OPENAI_API_KEY=... OPENAI_MODEL=..., and run it again.",
)


async def scene(screen: Screen) -> None:
    """Play it all; the caller is the recording that CALLER names, or synthetic.

    Raises CallError or PyAIError with a sentence that says what to do.
    """
    path = os.environ.get("CALLER")
    caller = recorded(path) if path else None
    async with services(OUT / "servers.log") as used:
        _introduce(screen, used)
        async with Client() as client:
            await _first_reading(screen, client)
            if used.local:
                screen.note(await teach(client))
            caller = caller or await _synthetic(client)
            calls = await _calls(caller, screen)
            screen.times({name: Times(call.exchanges) for name, call in calls.items()})
            for name, call in calls.items():
                screen.note(f"{name}: {_facts(call)}")
            screen.replies(await _heard_again(client, {name: call.exchanges for name, call in calls.items()}))
    for line in _ADVICE:
        screen.note(line)


async def _calls(caller: Caller, screen: Screen) -> dict[str, Call]:
    """Let the caller talk to all bots at once."""
    screen.title(f"{len(BOTS)} calls at once from {caller.name}")
    calls = await together(*(converse(name, caller, screen) for name in BOTS))
    return dict(zip(BOTS, calls, strict=True))


async def converse(name: str, caller: Caller, screen: Screen) -> Call:
    """Let a caller say all lines to one bot; return the call. The second answer of Omni is interrupted."""
    bot = BOTS[name]
    call = Call(screen.narrator(name))
    async with bot.connect(call):
        await call.greeting()
        for number, line in enumerate(caller.lines, start=1):
            interrupted = bot.realtime and number == min(2, len(caller.lines) - 1)
            await call.say(line, hear_out=not interrupted)
    return call


def _facts(call: Call) -> str:
    """Say what else happened: who was asked how often, what was called, what stayed in the history."""
    answers = [exchange for exchange in call.exchanges if exchange.line]
    requests = sum(exchange.requests for exchange in answers)
    tools = [tool for exchange in answers for tool in exchange.tools]
    kept = sum(passage in message for passage in call.passages for message in call.history)
    return "; ".join(
        [
            *([f"{requests} requests to the brain for {len(answers)} answers"] if requests else []),
            *([f"{len(call.passages)} passages came"] if call.passages else []),
            *([f"tools: {', '.join(tools)}"] if tools else []),
            f"{kept} passages are in the history of {len(call.history)} messages",
        ]
    )


def _introduce(screen: Screen, used: Services) -> None:
    screen.title("A coffee bar on the telephone")
    screen.note(f"Hear and Speak: {used.voice}")
    screen.note(f"Brain: {used.brain}")


async def _first_reading(screen: Screen, client: Client) -> None:
    pcm, source = first_reading()
    heard = await client.audio.transcribe(pcm, rate=source.rate)
    if not heard.text.strip():
        raise CallError("Hear made nothing of a clear recording: check the server's log, out/servers.log")
    screen.title("First proof of life: a recording of a real reader (A Tale of Two Cities)")
    screen.note(f"Hear: {heard.text}")


async def _synthetic(client: Client) -> Caller:
    """Return lines read by another voice than the bot's."""
    voice = _other_voice([voice async for voice in client.voices.list()])
    speaker, options = client.speaker(), SpeakOptions(voice=voice.voice_id, sample_rate=CALLER.rate)
    lines = [line_of(await speaker.speak(text, options), CALLER, text) for text in SCRIPT]
    return Caller(f"a synthetic voice (Speak, {voice.name})", tuple(lines))


def _other_voice(voices: list[Voice]) -> Voice:
    """Return a voice unlike the first, which is the bot's."""
    if not voices:
        raise CallError("The service has no voices; set CALLER=file.wav to a recording instead")
    return next((voice for voice in voices if voice.gender != voices[0].gender), voices[-1])


async def _heard_again(client: Client, calls: Mapping[str, list[Exchange]]) -> list[tuple[str, str, str]]:
    """Write every reply as a WAV file and transcribe it: file, what was said, what Hear heard."""
    rows: list[tuple[str, str, str]] = []
    for name, exchanges in calls.items():
        for number, exchange in enumerate(exchanges):
            path = OUT / f"{name.lower().replace(' ', '_')}_{number}.wav"
            recording = wav_bytes(bytes(exchange.audio), BOT)
            path.write_bytes(recording)
            heard = await client.audio.transcribe(recording)
            rows.append((str(path), " ".join(exchange.reply), heard.text))
    return rows
