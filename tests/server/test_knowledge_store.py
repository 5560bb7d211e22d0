"""What every knowledge store promises, on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyai_voice.errors import RequestError
from pyai_voice.server.knowledge import Chunk, Hit, KnowledgeStore, Query, Weights
from pyai_voice.server.knowledge.embedding import load_embedder
from pyai_voice.server.knowledge.opening import open_store

ORG, OTHER = "org_one", "org_two"


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[KnowledgeStore]:
    where = None if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    opened = await open_store(where)
    try:
        yield opened
    finally:
        await opened.aclose()


async def add(store: KnowledgeStore, base: str, *texts: str, name: str = "doc.txt", organisation: str = ORG) -> str:
    """Add and index a document of these chunks; return its id."""
    stored = await store.add_document(organisation, base, name, "text/plain", " ".join(texts).encode())
    assert await index(store, stored.id, *texts)
    return stored.id


async def index(store: KnowledgeStore, document: str, *texts: str) -> bool:
    chunks = [Chunk(text, "", position) for position, text in enumerate(texts)]
    return await store.index(document, chunks, load_embedder().embed([chunk.content for chunk in chunks]))


async def search(
    store: KnowledgeStore,
    question: str,
    bases: Sequence[str] | None = None,
    *,
    organisation: str = ORG,
    limit: int = 3,
    weights: Weights = Weights(),  # noqa: B008 - a constant
) -> list[Hit]:
    (vector,) = load_embedder().embed([question])
    return await store.search(organisation, bases, Query(question, vector, weights), limit)


async def test_a_knowledge_base_is_made_listed_and_deleted(store: KnowledgeStore) -> None:
    first = await store.create_base(ORG, "Prices")
    second = await store.create_base(ORG, "Prices")
    assert first.id.startswith("kb_")
    assert first.id != second.id
    assert await store.bases(ORG) == [first, second]
    assert await store.base(ORG, first.id) == first
    await store.delete_base(ORG, first.id)
    assert await store.bases(ORG) == [second]
    with pytest.raises(RequestError) as refusal:
        await store.base(ORG, first.id)
    assert (refusal.value.code, refusal.value.status or 404) == ("not_found", 404)


async def test_a_document_is_pending_then_indexed_then_gone(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Prices")).id
    stored = await store.add_document(ORG, base, "prices.md", "text/markdown", b"A cleaning costs 80 euros.")
    assert (stored.status, stored.size, stored.chunks, stored.reason) == ("pending", 26, 0, "")
    assert await store.pending() == [stored.id]
    assert await store.read(stored.id) == (stored, b"A cleaning costs 80 euros.")
    assert await search(store, "cleaning") == []
    assert await index(store, stored.id, "A cleaning costs 80 euros.")
    assert await store.pending() == []
    assert await store.read(stored.id) is None
    indexed = await store.document(ORG, base, stored.id)
    assert (indexed.status, indexed.chunks, indexed.size) == ("indexed", 1, 26)
    assert await store.documents(ORG, base) == [indexed]
    assert (await store.base(ORG, base)).chunks == 1
    (hit,) = await search(store, "What does a cleaning cost?")
    assert (hit.content, hit.document, hit.knowledge_base, hit.name) == (
        "A cleaning costs 80 euros.",
        stored.id,
        base,
        "prices.md",
    )
    assert 0.3 < hit.score <= 1
    await store.delete_document(ORG, base, stored.id)
    assert await search(store, "cleaning") == []
    assert await store.documents(ORG, base) == []


async def test_a_document_that_failed_says_why_and_is_not_found(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Prices")).id
    stored = await store.add_document(ORG, base, "broken.pdf", "application/pdf", b"%PDF")
    assert await store.fail(stored.id, "no page can be read")
    failed = await store.document(ORG, base, stored.id)
    assert (failed.status, failed.reason, failed.chunks) == ("failed", "no page can be read", 0)
    assert await store.pending() == []
    assert not await store.fail(stored.id, "again")
    assert not await index(store, stored.id, "late")
    assert await search(store, "late") == []


async def test_what_was_deleted_while_it_was_indexed_stays_away(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Prices")).id
    stored = await store.add_document(ORG, base, "a", "text/plain", b"cleaning")
    await store.delete_document(ORG, base, stored.id)
    assert not await index(store, stored.id, "cleaning")
    assert await search(store, "cleaning") == []


async def test_a_deleted_knowledge_base_takes_its_documents_with_it(store: KnowledgeStore) -> None:
    kept, gone = [(await store.create_base(ORG, name)).id for name in ("kept", "gone")]
    await add(store, kept, "A cleaning costs 80 euros.")
    document = await add(store, gone, "A filling costs 120 euros.")
    pending = await store.add_document(ORG, gone, "b", "text/plain", b"A crown costs 900 euros.")
    await store.delete_base(ORG, gone)
    assert [hit.knowledge_base for hit in await search(store, "What does it cost?")] == [kept]
    assert await store.pending() == []
    assert not await index(store, pending.id, "A crown costs 900 euros.")
    with pytest.raises(RequestError):
        await store.document(ORG, gone, document)


async def test_the_passage_that_says_it_in_other_words_is_found(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Clinic")).id
    await add(
        store,
        base,
        "Parking is free in the yard behind the building.",
        "A professional cleaning costs 80 euros.",
        "The practice is closed on Sundays and holidays.",
        "Please bring your insurance card to the first visit.",
    )
    for question, words in (
        ("Where can I park my car?", "Parking"),
        ("What is the price of having my teeth cleaned?", "cleaning"),
        ("Are you open at the weekend?", "closed"),
    ):
        best, *_ = await search(store, question)
        assert words in best.content


async def test_codes_are_found_by_their_letters(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Errors")).id
    codes = ["E-1042", "E-1043", "E-2042", "X-1042"]
    await add(store, base, *(f"When the display shows {code}, turn the machine off and on." for code in codes))
    for code in codes:
        best, *_ = await search(store, f"what is {code.lower()}")
        assert code in best.content


@pytest.mark.parametrize("weights", [Weights(1, 0), Weights(0, 1), Weights()])
async def test_each_ranking_works_alone(store: KnowledgeStore, weights: Weights) -> None:
    base = (await store.create_base(ORG, "Clinic")).id
    await add(store, base, "A cleaning costs 80 euros.", "Parking is free.", "We are closed on Sunday.")
    best, *_ = await search(store, "Is parking free?", weights=weights)
    assert best.content == "Parking is free."


@pytest.mark.parametrize("weights", [Weights(1, 0), Weights(0, 1), Weights()])
@pytest.mark.parametrize(
    "question", ["", "   ", "?", "\u2603", 'a" OR "b', "NEAR(a b)", "'; DROP TABLE documents", "the", "\0x"]
)
async def test_any_question_is_answered(store: KnowledgeStore, question: str, weights: Weights) -> None:
    base = (await store.create_base(ORG, "Clinic")).id
    await add(store, base, "A cleaning costs 80 euros.")
    assert len(await search(store, question, weights=weights)) <= 1


async def test_no_more_than_asked_best_first(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Clinic")).id
    await add(store, base, *(f"Treatment number {number} costs {number} euros." for number in range(20)))
    assert len(await search(store, "What does treatment 7 cost?", limit=5)) == 5
    assert await search(store, "What does treatment 7 cost?", limit=0) == []
    best, *_ = await search(store, "What does treatment 7 cost?", limit=1)
    assert "number 7 " in best.content


async def test_only_the_named_knowledge_bases_are_searched(store: KnowledgeStore) -> None:
    one, two, three = [(await store.create_base(ORG, name)).id for name in ("one", "two", "three")]
    for base in (one, two, three):
        await add(store, base, "A cleaning costs 80 euros.")
    for asked in ([one], [two, three], [three, three]):
        assert {hit.knowledge_base for hit in await search(store, "cleaning", asked)} == set(asked)
    assert len(await search(store, "cleaning")) == 3
    assert await search(store, "cleaning", []) == []


async def test_organisations_do_not_see_each_other(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Secret")).id
    document = await add(store, base, "The safe opens with 4711.")
    await store.create_base(OTHER, "Own")
    assert await search(store, "safe", organisation=OTHER) == []
    assert base not in [each.id for each in await store.bases(OTHER)]
    for attempt in (
        store.base(ORG, f"{base}\0"),
        store.document(ORG, base, f"{document}\0"),
        store.delete_document(ORG, base, f"{document}\0"),
        store.base(OTHER, base),
        store.delete_base(OTHER, base),
        store.documents(OTHER, base),
        store.document(OTHER, base, document),
        store.delete_document(OTHER, base, document),
        store.add_document(OTHER, base, "a", "text/plain", b"a"),
        search(store, "safe", [base], organisation=OTHER),
    ):
        with pytest.raises(RequestError) as refusal:
            await attempt
        assert refusal.value.code == "not_found"
    assert len(await search(store, "safe")) == 1


async def test_a_document_of_another_knowledge_base_is_not_found(store: KnowledgeStore) -> None:
    one, two = [(await store.create_base(ORG, name)).id for name in ("one", "two")]
    document = await add(store, one, "A cleaning costs 80 euros.")
    for attempt in (store.document(ORG, two, document), store.delete_document(ORG, two, document)):
        with pytest.raises(RequestError):
            await attempt
    assert (await store.document(ORG, one, document)).status == "indexed"


async def test_searches_and_changes_at_the_same_time(store: KnowledgeStore) -> None:
    base = (await store.create_base(ORG, "Clinic")).id
    steady = await add(store, base, "A cleaning costs 80 euros.")

    async def come_and_go(number: int) -> None:
        document = await add(store, base, *[f"Filling {number} costs {number} euros."] * 5)
        await store.delete_document(ORG, base, document)

    async def look() -> None:
        hits = await search(store, "What does a cleaning cost?", limit=50)
        found = [hit.document for hit in hits]
        assert found.count(steady) == 1
        assert all(found.count(each) == 5 for each in set(found) - {steady}), "a half-indexed document was visible"

    await asyncio.gather(*(come_and_go(number) for number in range(8)), *(look() for _ in range(20)))
    assert {hit.document for hit in await search(store, "What does it cost?", limit=50)} == {steady}


letters = st.characters(exclude_categories=("Cs", "Cc"))
texts = st.lists(st.text(letters, min_size=1, max_size=60), min_size=1, max_size=6)


@given(documents=st.lists(texts, max_size=5), data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_goes_in_comes_out(documents: list[list[str]], data: st.DataObject) -> None:
    asyncio.run(round_trip(documents, data))


async def round_trip(documents: list[list[str]], data: st.DataObject) -> None:
    store = await open_store()
    try:
        base = (await store.create_base(ORG, "any")).id
        kept = {await add(store, base, *chunks): chunks for chunks in documents}
        for gone in data.draw(st.sets(st.sampled_from(sorted(kept)))) if kept else ():
            await store.delete_document(ORG, base, gone)
            del kept[gone]
        hits = await search(store, "anything", limit=1000, weights=Weights(0, 1))
        expected = [(document, chunk) for document, chunks in kept.items() for chunk in chunks]
        assert sorted((hit.document, hit.content) for hit in hits) == sorted(expected)
        assert (await store.base(ORG, base)).chunks == len(expected)
        assert all(0 <= hit.score <= 1 for hit in hits)
    finally:
        await store.aclose()
