"""Documents on their way from acknowledged to found: in the background, in a process of their own, through any end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pyai_voice.server.knowledge.facade import Knowledge

ORG = "org_one"
PRICES = b"# Prices\n\nA professional cleaning costs 80 euros.\n\n# Parking\n\nParking is free in the yard.\n"


@pytest.fixture
async def knowledge() -> AsyncIterator[Knowledge]:
    opened = await Knowledge.open()
    try:
        yield opened
    finally:
        await opened.aclose()


async def test_a_document_is_found_soon_after_it_was_added(knowledge: Knowledge) -> None:
    base = await knowledge.create(ORG, "Clinic")
    stored = await knowledge.add(ORG, base.id, "prices.md", PRICES, "text/markdown")
    await knowledge.settled()
    assert (await knowledge.status(ORG, base.id, stored.id)).status == "indexed"
    best, *_ = await knowledge.search(ORG, "What does a cleaning cost?")
    assert "80 euros" in best.content


@pytest.mark.parametrize(
    ("name", "data", "media_type", "words"),
    [
        ("broken.pdf", b"%PDF-1.7 nothing more", "application/pdf", "read"),
        ("empty.html", b"<html><body><p> </p></body></html>", "text/html", "no text"),
        ("a.bin", bytes(range(256)) * 10, "application/octet-stream", "neither"),
    ],
)
async def test_what_cannot_be_read_fails_with_its_reason_and_harms_no_other(
    knowledge: Knowledge, name: str, data: bytes, media_type: str, words: str
) -> None:
    base = await knowledge.create(ORG, "Clinic")
    bad = await knowledge.add(ORG, base.id, name, data, media_type)
    good = await knowledge.add(ORG, base.id, "prices.md", PRICES, "text/markdown")
    await knowledge.settled()
    failed = await knowledge.status(ORG, base.id, bad.id)
    assert failed.status == "failed"
    assert words in failed.reason
    assert (await knowledge.status(ORG, base.id, good.id)).status == "indexed"
