"""Cue's grounding on the Hear stream: passages for the words of an utterance, in time or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from pyai_voice.errors import ServiceError, service_error
from pyai_voice.server.knowledge import Hit, Query
from pyai_voice.server.knowledge.facade import Knowledge
from pyai_voice.server.knowledge.sqlite import SqliteStore
from tests.server.conftest import Local, read, until
from tests.server.fakes import silence, tone

GROUNDING = '{"type":"config","grounding":true}'
COMMIT = '{"type":"commit"}'
ORG = "org_local"


async def fill(knowledge: Knowledge, *texts: str) -> None:
    """Make a knowledge base with one document for each text."""
    base = await knowledge.create(ORG, "Clinic")
    for number, text in enumerate(texts):
        await knowledge.add(ORG, base.id, f"{number}.txt", text.encode(), "text/plain")
    await knowledge.settled()


async def ask(socket: ClientConnection) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Say "w1 w2 w3." with grounding on; return the acknowledgement and the two finals."""
    await read(socket)
    await socket.send(GROUNDING)
    acknowledged = await read(socket)
    await socket.send(tone(0.6))
    await socket.send(COMMIT)
    return acknowledged, [each for each in await until(socket, "usage") if each["type"] in ("speech_final", "final")]


@pytest.mark.parametrize("interim", ["true", "false"])
async def test_both_finals_carry_the_passages_best_first(local: Local, interim: str) -> None:
    await fill(
        local.server.app.state.knowledge, "w1 w2 w3 is written here", "parking is free", "w1 is in here", "w1 and w2"
    )
    async with local.stream(f"protocol=pyai-hear-v1&interim_results={interim}") as socket:
        acknowledged, finals = await ask(socket)
    assert acknowledged["warnings"] == []
    assert [final["type"] for final in finals] == ["speech_final", "final"]
    for final in finals:
        assert final["text"] == "w1 w2 w3."
        contents = [passage["content"] for passage in final["grounding"]]
        assert contents[0].endswith("w1 w2 w3 is written here")
        assert len(contents) <= 3
        assert not any("parking" in content for content in contents)
        assert all(
            set(passage) == {"content", "score"} and 0.15 <= passage["score"] <= 1 for passage in final["grounding"]
        )


async def test_each_utterance_has_its_own_passages_and_one_without_words_has_none(local: Local) -> None:
    await fill(local.server.app.state.knowledge, "w1 w2 w3 is written here")
    async with local.stream() as socket:
        _, finals = await ask(socket)
        assert finals[-1]["grounding"]
        await socket.send(COMMIT)
        empty = [each for each in await until(socket, "usage") if each["type"] == "final"]
        assert (empty[0]["text"], empty[0]["grounding"]) == ("", [])
        await socket.send(tone(0.6) + silence(1.5))
        again = [each for each in await until(socket, "usage") if each["type"] == "final"]
        assert again[0]["grounding"] == finals[-1]["grounding"]


async def test_nothing_that_fits_is_an_empty_list_without_a_warning(local: Local) -> None:
    await fill(local.server.app.state.knowledge, "parking is free in the yard")
    async with local.stream() as socket:
        acknowledged, finals = await ask(socket)
    assert acknowledged["warnings"] == []
    assert [final["grounding"] for final in finals] == [[], []]


async def test_without_a_knowledge_base_it_is_warned_of(local: Local) -> None:
    async with local.stream() as socket:
        acknowledged, finals = await ask(socket)
    assert acknowledged["warnings"] == ["grounding_inactive"]
    assert [final["grounding"] for final in finals] == [[], []]


async def test_who_does_not_ask_gets_none(local: Local) -> None:
    await fill(local.server.app.state.knowledge, "w1 w2 w3 is written here")
    async with local.stream() as socket:
        await socket.send(tone(0.6))
        await socket.send(COMMIT)
        assert not any("grounding" in each for each in await until(socket, "usage"))


async def test_another_organisations_passages_stay_its_own(local: Local) -> None:
    await fill(local.server.app.state.knowledge, "w1 w2 w3 is written here")
    stranger = (await local.server.app.state.stores.keys.mint(("*",), organisation="org_other")).secret
    async with local.stream(subprotocols=["pyai.v1", f"pyai-key.{stranger}"]) as socket:
        acknowledged, finals = await ask(socket)
    assert acknowledged["warnings"] == ["grounding_inactive"]
    assert finals[-1]["grounding"] == []


class Hanging(SqliteStore):
    """Never answers a search."""

    searched = 0

    async def search(self, organisation: str, bases: Sequence[str] | None, query: Query, limit: int) -> list[Hit]:
        self.searched += 1
        while True:  # not even when it is cancelled, as a client of a database that waits for its server
            try:
                await asyncio.sleep(1)
                if self.searched > 100:
                    return []
            except asyncio.CancelledError:
                self.searched += 100


class Broken(SqliteStore):
    """Refuses every search."""

    error: ServiceError = service_error("Locked", code="store_locked", status=503)

    async def search(self, organisation: str, bases: Sequence[str] | None, query: Query, limit: int) -> list[Hit]:
        raise self.error


@pytest.mark.parametrize("kind", [Hanging, Broken])
async def test_a_store_in_trouble_costs_the_passages_not_the_final(local: Local, kind: type[SqliteStore]) -> None:
    knowledge = Knowledge(await kind.temporary())
    before, local.server.app.state.knowledge = local.server.app.state.knowledge, knowledge
    try:
        await knowledge.create(ORG, "Clinic")
        async with local.stream() as socket, asyncio.timeout(5):
            acknowledged, finals = await ask(socket)
        assert acknowledged["warnings"] == []
        assert [(final["text"], final["grounding"]) for final in finals] == [("w1 w2 w3.", [])] * 2
    finally:
        local.server.app.state.knowledge = before
        await knowledge.aclose()
