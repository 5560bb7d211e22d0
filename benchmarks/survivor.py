"""A bot in a process of its own that lives through one fault after the other: ``python -m benchmarks.survivor HOST``.

Knows the framework and ``pipecat_pyai`` or ``livekit.plugins.pyai``, no other package of PyAI: whichever release is
installed beside its interpreter is what is tried. A question is a case: what to say to the bot and what to let it say.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import sys
from importlib import import_module
from typing import Any

from tests.faults.canary import visible
from tests.faults.hosts.facts import ERROR, FINAL, Bot

from .children import obey

FRAME = 640
PATIENCE = 8.0
"""Seconds after the caller's last word, and for a sentence of the bot."""


def main(host: str) -> None:
    """Answer cases until there are no more."""
    logging.basicConfig(level=logging.DEBUG)
    if host == "pipecat":
        logs = import_module("loguru").logger
        logs.remove()
        logs.add(sys.stderr, level="TRACE", diagnose=True)
    start = getattr(import_module(f"tests.faults.hosts.{host}"), f"{host}_bot")
    obey(lambda case: asyncio.run(_live(start, host, **case)))


async def _live(
    start: Any, host: str, base_url: str, api_key: str, pcm: str, last: int, texts: list[str]
) -> dict[str, Any]:
    """Let the caller speak in real time, then the bot; return what came of it."""
    heard: list[bytes] = []
    async with start(base_url, api_key, commits=host != "livekit") as bot:
        if pcm:
            await _talk(bot, base64.b64decode(pcm), last, commits=host != "livekit")
        for text in texts:
            await _say(bot, text)
            heard.append(bytes(bot.facts.audio))
            bot.facts.audio.clear()
    return {
        "finals": bot.facts.all(FINAL),
        "heard": [base64.b64encode(audio).decode() for audio in heard],
        "errors": len(bot.facts.all(ERROR)),
        "visible": [word for error in bot.facts.all(ERROR) for word in visible(error)],
    }


async def _talk(bot: Bot, pcm: bytes, last: int, *, commits: bool) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, at in enumerate(range(0, len(pcm), FRAME)):
        await bot.hear(pcm[at : at + FRAME])
        await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - loop.time()))
    if commits:
        await bot.commit()
    await bot.facts.come(lambda: any(text.endswith(f"{last}.") for text in bot.facts.all(FINAL)), PATIENCE)


async def _say(bot: Bot, text: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await bot.say(text)
    except (TimeoutError, RuntimeError):
        await bot.interrupt()


if __name__ == "__main__":
    main(sys.argv[1])
