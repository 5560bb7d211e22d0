"""What the coffee bar knows of itself: a document for the local server's knowledge base."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pyai_voice.client import Client

from .call import CallError

__all__ = ["teach"]

_DOCUMENT = Path(__file__).with_name("coffee_bar.md")
_LOOK_EVERY = 0.1
"""Seconds."""
_LOOKS = 300


async def teach(client: Client) -> str:
    """Put the document into a new knowledge base and wait until it can be found; return a sentence that says so.

    Raises CallError when it cannot be indexed.
    """
    base = await client.knowledge.create("Bean Street")
    await client.knowledge.add(base.id, _DOCUMENT.name, _DOCUMENT.read_text(encoding="utf-8"), "text/markdown")
    for _ in range(_LOOKS):
        (document,) = (await client.knowledge.get(base.id)).documents
        if document.status == "indexed":
            return f"Cue's knowledge base: {_DOCUMENT.name}, {document.chunks} passages"
        if document.status == "failed":
            raise CallError(f"{_DOCUMENT.name} could not be indexed: {document.reason}")
        await asyncio.sleep(_LOOK_EVERY)
    raise CallError(f"{_DOCUMENT.name} was not indexed within {_LOOKS * _LOOK_EVERY:.0f} s: see out/servers.log")
