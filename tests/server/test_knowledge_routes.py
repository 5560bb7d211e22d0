"""Knowledge bases over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from pyai_voice.server.settings import Settings
from tests.server.conftest import Local, serve

PATH = "/v1/knowledgebases"
PRICES = b"# Prices\n\nA professional cleaning costs 80 euros.\n\n# Parking\n\nParking is free in the yard.\n"


async def make(local: Local, name: str = "Clinic") -> str:
    """Make a knowledge base and return its path."""
    made = await local.post(PATH, json={"name": name})
    assert made.status_code == 201
    return f"{PATH}/{made.json()['id']}"


async def settled(local: Local, document: str) -> dict[str, Any]:
    """Return a document when it is pending no more."""
    async with asyncio.timeout(30):
        await local.server.app.state.knowledge.settled()
    return (await local.get(document)).json()


async def delete(local: Local, path: str) -> httpx.Response:
    return await local.http.delete(path, headers=local.bearer)


def code_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["request_id"] == response.headers["x-request-id"]
    return response.status_code, problem["type"].removeprefix("https://api.pyai.com/problems/")


async def test_from_an_upload_to_a_passage(local: Local) -> None:
    base = await make(local)
    added = await local.post(f"{base}/documents", files={"file": ("prices.md", PRICES, "text/markdown")})
    assert added.status_code == 202
    stored = added.json()
    assert (stored["object"], stored["status"], stored["name"]) == ("knowledgebase.document", "pending", "prices.md")
    indexed = await settled(local, f"{base}/documents/{stored['id']}")
    assert (indexed["status"], indexed["reason"], indexed["size"]) == ("indexed", None, len(PRICES))
    assert indexed["chunk_count"] >= 1
    detail = (await local.get(base)).json()
    assert (detail["name"], detail["document_count"]) == ("Clinic", 1)
    assert detail["documents"] == [indexed]
    found = (await local.post(f"{base}/search", json={"query": "What does a cleaning cost?"})).json()
    assert found["object"] == "list"
    best = found["data"][0]
    assert "80 euros" in best["content"]
    assert best["document_id"] == stored["id"]
    assert 0 < best["score"] <= 1
    assert (await delete(local, f"{base}/documents/{stored['id']}")).json()["deleted"] is True
    assert (await local.post(f"{base}/search", json={"query": "What does a cleaning cost?"})).json()["data"] == []
    assert (await delete(local, base)).json()["deleted"] is True
    assert (await local.get(PATH)).json() == {"object": "list", "data": [], "has_more": False, "next_cursor": None}


async def test_text_as_json(local: Local) -> None:
    base = await make(local)
    added = await local.post(f"{base}/documents", json={"name": "hours", "text": "We open at nine on weekdays."})
    assert (added.status_code, added.json()["media_type"]) == (202, "text/plain")
    await settled(local, f"{base}/documents/{added.json()['id']}")
    found = (await local.post(f"{base}/search", json={"query": "When do you open?", "limit": 1})).json()["data"]
    assert [hit["name"] for hit in found] == ["hours"]


async def test_a_least_score_leaves_out_what_does_not_fit(local: Local) -> None:
    base = await make(local)
    added = await local.post(f"{base}/documents", json={"name": "hours", "text": "We open at nine on weekdays."})
    await settled(local, f"{base}/documents/{added.json()['id']}")
    for query, hits in (("When do you open on weekdays?", 1), ("volcano eruption magma", 0)):
        found = await local.post(f"{base}/search", json={"query": query, "min_score": 0.3})
        assert len(found.json()["data"]) == hits


async def test_what_cannot_be_read_says_so(local: Local) -> None:
    base = await make(local)
    added = await local.post(f"{base}/documents", files={"file": ("a.pdf", b"%PDF-1.7 and no more", "application/pdf")})
    failed = await settled(local, f"{base}/documents/{added.json()['id']}")
    assert failed["status"] == "failed"
    assert failed["reason"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"content": b"[]"}, (400, "invalid_request")),
        ({"content": b"{" * 50_000}, (400, "invalid_request")),
        ({"json": {"name": "a"}}, (400, "invalid_request")),
        ({"json": {"text": "a"}}, (400, "invalid_request")),
        ({"json": {"name": 1, "text": "a"}}, (400, "invalid_request")),
        ({"json": {"name": " ", "text": "a"}}, (400, "invalid_request")),
        ({"json": {"name": "n" * 300, "text": "a"}}, (400, "invalid_request")),
        ({"json": {"name": "a", "text": " \n "}}, (400, "empty_document")),
        ({"json": {"name": "a", "text": "x" * (3 << 20)}}, (413, "document_too_large")),
        ({"files": {"file": ("a.txt", b"", "text/plain")}}, (400, "empty_document")),
        ({"files": {"file": ("a.txt", b"a" * (50 << 20), "text/plain")}}, (413, "document_too_large")),
        ({"files": {"other": ("a.txt", b"a", "text/plain")}}, (400, "invalid_request")),
        ({"data": {"file": "a"}, "files": {"x": b""}}, (400, "invalid_request")),
    ],
)
async def test_bad_input_is_one_clear_error_and_nothing_is_kept(
    local: Local, sent: dict[str, Any], expected: tuple[int, str]
) -> None:
    base = await make(local)
    assert code_of(await local.post(f"{base}/documents", **sent)) == expected
    assert (await local.get(base)).json()["documents"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"query": 1},
        {"query": "a", "limit": 0},
        {"query": "a", "limit": 21},
        {"query": "a", "limit": "3"},
        {"query": "a", "limit": True},
    ]
    + [{"query": "a", "min_score": value} for value in (-1, 2, "x")],
)
async def test_a_wrong_question_is_refused(local: Local, fields: dict[str, Any]) -> None:
    base = await make(local)
    assert code_of(await local.post(f"{base}/search", json=fields)) == (400, "invalid_request")


async def test_unknown_ids_are_404(local: Local) -> None:
    base = await make(local)
    for path in (
        f"{PATH}/kb_none",
        f"{PATH}/kb%00",
        f"{PATH}/%ff",
        f"{base}/documents/doc_none",
        f"{PATH}/kb_none/documents/doc_none",
    ):
        assert code_of(await local.get(path)) == (404, "not_found")
        assert code_of(await delete(local, path)) == (404, "not_found")
    for path in (f"{PATH}/kb_none/documents", f"{PATH}/kb_none/search"):
        answer = await local.post(path, json={"name": "a", "text": "a", "query": "a"})
        assert code_of(answer) == (404, "not_found")


async def test_the_scope_is_needed(local: Local) -> None:
    base = await make(local)
    sandbox = (await local.http.post("/v1/sandbox/keys")).json()["api_key"]
    manager = (await local.server.app.state.stores.keys.mint(("kb:manage",))).secret
    for key, status in ((sandbox, 403), ("wrong", 401), (manager, 200)):
        bearer = {"Authorization": f"Bearer {key}"}
        assert (await local.http.get(base, headers=bearer)).status_code == status
    assert code_of(await local.http.get(PATH)) == (401, "unauthorized")


async def test_another_organisation_sees_nothing(local: Local) -> None:
    base = await make(local)
    added = await local.post(f"{base}/documents", json={"name": "hours", "text": "The safe opens with 4711."})
    document = f"{base}/documents/{added.json()['id']}"
    await settled(local, document)
    stranger = await local.server.app.state.stores.keys.mint(("*",), organisation="org_other")
    bearer = {"Authorization": f"Bearer {stranger.secret}"}
    assert (await local.http.get(PATH, headers=bearer)).json()["data"] == []
    for path in (base, document):
        assert code_of(await local.http.get(path, headers=bearer)) == (404, "not_found")
        assert code_of(await local.http.delete(path, headers=bearer)) == (404, "not_found")
    searched = await local.http.post(f"{base}/search", headers=bearer, json={"query": "safe"})
    assert code_of(searched) == (404, "not_found")
    assert (await local.http.get("/v1/me", headers=bearer)).json()["org_id"] == "org_other"
    assert (await local.get(document)).json()["status"] == "indexed"


async def test_knowledge_in_the_data_folder_outlives_the_server(tmp_path: Any) -> None:
    settings = Settings(data=tmp_path)
    async with serve(settings) as local:
        base = await make(local)
        await local.post(f"{base}/documents", json={"name": "hours", "text": "We open at nine on weekdays."})
    async with serve(settings) as local:
        await local.server.app.state.knowledge.settled()
        found = await local.post(f"{base}/search", json={"query": "When do you open?"})
        assert "nine" in found.json()["data"][0]["content"]
    assert (tmp_path / "knowledge.sqlite3").stat().st_mode & 0o077 == 0
