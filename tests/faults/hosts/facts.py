"""What the user of a host gets to know, in the same few words for every host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["END", "ERROR", "FINAL", "START", "Bot", "Facts"]

END = "end"
"""A turn is over."""
ERROR = "error"
"""The host reports an error; the value is its exception, or what stands for it."""
FINAL = "final"
"""A final transcript; the value is its text."""
START = "start"
"""A turn begins."""


class Facts:
    """A list that can be waited for."""

    def __init__(self) -> None:
        self.audio = bytearray()
        """Everything that the bot has said: pcm16, mono, 24 kHz."""
        self._seen: list[tuple[str, Any]] = []
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"{self._seen} and {len(self.audio)} bytes of audio"

    def note(self, kind: str, value: Any = "") -> None:
        self._seen.append((kind, value))
        self._pulse()

    def hear(self, pcm: bytes) -> None:
        self.audio += pcm
        self._pulse()

    def all(self, kind: str) -> list[Any]:
        return [value for name, value in self._seen if name == kind]

    def everything(self) -> list[tuple[str, Any]]:
        return list(self._seen)

    def kinds(self) -> list[str]:
        return [name for name, _ in self._seen]

    async def until(self, kind: str, count: int = 1, seconds: float = 20.0) -> None:
        """Wait until there are so many facts of a kind. Raises TimeoutError, saying what there is."""
        if not await self.come(lambda: len(self.all(kind)) >= count, seconds):
            raise TimeoutError(f"no {kind} number {count} within {seconds:g} s, only {self}")

    async def come(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is true; return False if that takes longer than so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _pulse(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Bot(Protocol):
    """A host with Hear and Speak, running."""

    facts: Facts

    async def hear(self, frame: bytes) -> None:
        """Take 20 ms of the caller's audio (pcm16, mono, 16 kHz)."""
        ...

    async def commit(self) -> None:
        """Let the host decide that the turn is over (a bot that was started with ``commits``)."""
        ...

    async def say(self, text: str) -> None:
        """Say something, to the end, whether it succeeds or not."""
        ...

    async def interrupt(self) -> None:
        """Stop saying it: the caller has begun to speak."""
        ...
