"""Opens and closes one component again and again: ``python -m benchmarks.leaks COMPONENT``, with questions on stdin.

A question is ``{"hear_url", "speak_url", "cycles"}``; in each cycle the component does its work once. The answer:
the tasks of the event loop, the open files and sockets, and the resident memory in bytes, after all of them.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from typing import Any

import psutil

from .children import obey
from .hear_server import CHUNK
from .load.caller import KEY
from .speak_server import SENTENCES

__all__ = ["COMPONENTS"]

COMPONENTS = {
    "HearStream": "core",
    "SpeakClient": "speak",
    "Pipecat STT": "pipecat",
    "Pipecat TTS": "pipecat_tts",
    "LiveKit STT": "livekit",
    "LiveKit TTS": "livekit_tts",
}
_LOUD = (3000).to_bytes(2, "little") * (CHUNK // 2)
_PATIENCE = 20.0


async def hear(module: str, base_url: str) -> None:
    """Speak until the first partial transcript."""
    answered = asyncio.Event()
    line = await importlib.import_module(f".load.{module}", __package__).open_line(base_url, lambda _: answered.set())
    for _ in range(15):
        await line.send(_LOUD)
    await asyncio.wait_for(answered.wait(), _PATIENCE)
    await line.close()


async def speak(base_url: str) -> None:
    """Read one text aloud."""
    from pyai_voice.options import Endpoint
    from pyai_voice.speak import SpeakClient

    async with SpeakClient(Endpoint.from_env(KEY, base_url)) as client, client.stream(SENTENCES[0]) as speech:
        async for _ in speech:
            pass


async def pipecat_tts(base_url: str) -> None:
    """Read sentences aloud in a pipeline."""
    from .speaking import pipecat
    from .speaking.ear import Ear

    await pipecat.speak(base_url, SENTENCES, Ear(len(SENTENCES), SECONDS))


async def livekit_tts(base_url: str) -> None:
    """Read sentences aloud in a stream."""
    from livekit.plugins import pyai

    tts = pyai.TTS(api_key=KEY, base_url=base_url)
    async with tts.stream() as stream:
        for sentence in SENTENCES:
            stream.push_text(f"{sentence} ")
        stream.end_input()
        async for _ in stream:
            pass
    await tts.aclose()


SECONDS = 0.04
"""Of a sentence."""


async def _cycle(component: str, hear_url: str, speak_url: str) -> None:
    match component:
        case "speak":
            await speak(speak_url)
        case "pipecat_tts":
            await pipecat_tts(speak_url)
        case "livekit_tts":
            await livekit_tts(speak_url)
        case _:
            await hear(component, hear_url)


async def _measure(component: str, hear_url: str, speak_url: str, cycles: int) -> dict[str, Any]:
    for _ in range(cycles):
        await _cycle(component, hear_url, speak_url)
    await asyncio.sleep(0.2)  # what a closed socket still has to do
    gc.collect()
    process = psutil.Process()
    return {
        "tasks": len(asyncio.all_tasks()) - 1,
        "files": process.num_fds(),
        "memory": process.memory_info().rss,
    }


def main() -> None:
    """Answer questions, all in one event loop."""
    with asyncio.Runner() as runner:
        obey(lambda question: runner.run(_measure(sys.argv[1], **question)), ready=sys.argv[1])


if __name__ == "__main__":
    main()
