"""The public endpoint on a real socket: Omni's and Vapi's questions, wrong credentials, bad bodies, a slow store."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.errors import ConfigurationError, RequestError, service_error
from pyai_voice.server.knowledge import Hit
from pyai_voice.server.knowledge.callers import parse
from pyai_voice.server.knowledge.endpoint import Access, EndpointOptions, Searchable, create_endpoint
from pyai_voice.server.knowledge.facade import Knowledge
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings

TOKEN = "token_canary_0123456789"
SECRET = "secret_canary_0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
GUIDE = b"# Harbour Dental\n\n## Prices\n\nA check-up costs 45 euro.\n\n## Parking\n\nPark behind the house."
QUESTION = "what does a check-up cost"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one indexed document."""
    folder = tmp_path_factory.mktemp("data")
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path) -> None:
    knowledge = await Knowledge.open(folder)
    base = await knowledge.create("org_local", "Clinic")
    await knowledge.add("org_local", base.id, "guide.md", GUIDE, "text/markdown")
    await knowledge.settled()
    await knowledge.aclose()


@asynccontextmanager
async def asking(
    knowledge: Searchable, access: Access | None = None, options: EndpointOptions | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_endpoint(knowledge, access or Access(TOKEN, SECRET), options)
    async with (
        serving(app, Settings(), bind()) as (_, url),
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        yield http


@pytest.fixture
async def http(data: Path) -> AsyncIterator[httpx.AsyncClient]:
    knowledge = await Knowledge.open(data)
    try:
        async with asking(knowledge) as client:
            yield client
    finally:
        await knowledge.aclose()


def vapi(*messages: dict[str, Any]) -> bytes:
    said = messages or ({"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION})
    return json.dumps({"message": {"type": "knowledge-base-request", "messages": said}, "call": {"id": "1"}}).encode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-vapi-signature": "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()}


async def test_omni_gets_passages_and_a_context(http: httpx.AsyncClient) -> None:
    response = await http.post("/", headers=BEARER, json={"session_label": "front-desk", "query": QUESTION})
    answer = response.json()
    assert response.status_code == 200
    assert (answer["session_label"], answer["query"]) == ("front-desk", QUESTION)
    first, *_ = answer["results"]
    assert first["content"] == "Harbour Dental > Prices\nA check-up costs 45 euro."
    assert 0 < first["score"] <= 1
    assert answer["context"].splitlines()[0] == "- Harbour Dental > Prices A check-up costs 45 euro."
    assert len({result["id"] for result in answer["results"]}) == len(answer["results"]) == 2


async def test_omni_may_say_agent_id_or_no_label(http: httpx.AsyncClient) -> None:
    old = await http.post("/", headers=BEARER, json={"agent_id": "agent_1", "query": "parking"})
    assert old.json()["session_label"] == "agent_1"
    bare = await http.post("/", headers=BEARER, json={"query": "parking"})
    assert bare.json()["session_label"] is None
    assert "behind the house" in bare.json()["context"]


async def test_vapi_gets_documents_and_the_same_ones_when_it_asks_twice(http: httpx.AsyncClient) -> None:
    body = vapi()
    first, again = [await http.post("/", headers=signed(body), content=body) for _ in range(2)]
    assert first.status_code == 200
    assert first.json() == again.json()
    top, *_ = first.json()["documents"]
    assert "45 euro" in top["content"]
    assert 0 < top["similarity"] <= 1
    assert top["uuid"]


async def test_of_a_conversation_the_last_words_of_the_caller_are_the_question(http: httpx.AsyncClient) -> None:
    body = vapi(
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "45 euro. The check-up is 45 euro."},
        {"role": "user", "content": [{"type": "text", "text": "where can I park"}, {"type": "image"}]},
        {"role": "user", "content": None},
        {"role": "tool", "content": {"any": "thing"}},
    )
    response = await http.post("/", headers={"x-vapi-secret": SECRET}, content=body)
    assert "behind the house" in response.json()["documents"][0]["content"]


async def test_vapis_own_form_of_a_message_is_read_as_well(http: httpx.AsyncClient) -> None:
    body = vapi({"role": "user", "message": "where can I park", "time": 1, "endTime": 2, "secondsFromStart": 0})
    response = await http.post("/", headers={"x-vapi-secret": SECRET}, content=body)
    assert "behind the house" in response.json()["documents"][0]["content"]
    message = {"type": "knowledge-base-request", "messagesOpenAIFormatted": [{"role": "user", "content": "parking"}]}
    formatted = await http.post("/", headers={"x-vapi-secret": SECRET}, json={"message": message})
    assert "behind the house" in formatted.json()["documents"][0]["content"]


async def test_nothing_asked_nothing_found(http: httpx.AsyncClient) -> None:
    body = vapi({"role": "assistant", "content": "Hello?"})
    assert (await http.post("/", headers=signed(body), content=body)).json() == {"documents": []}
    silent = await http.post("/", headers=BEARER, json={"query": "  "})
    assert (silent.json()["results"], silent.json()["context"]) == ([], "")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": "Bearer \xe9\xff".encode("latin-1").decode("latin-1")},
        {"x-vapi-secret": TOKEN},
        {"x-vapi-secret": ""},
        signed(b"another body"),
        signed(vapi(), "another secret of that length"),
        {"x-vapi-signature": "sha256=\xe9".encode("latin-1").decode("latin-1")},
        {**BEARER, "x-vapi-secret": "wrong"},
        {"x-vapi-secret": SECRET, "x-vapi-signature": "sha256=00"},
    ],
)
async def test_a_wrong_credential_is_401_even_beside_a_right_one(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    raw = [(name, value.encode("latin-1")) for name, value in headers.items()]
    response = await http.post("/", headers=raw, content=vapi())
    assert (response.status_code, response.json()) == (401, {"error": "unauthorized"})


async def test_a_body_that_was_changed_after_signing_is_401(http: httpx.AsyncClient) -> None:
    headers = signed(vapi())
    assert (await http.post("/", headers=headers, content=vapi() + b" ")).status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"nope", b"[]", b"{}", b'{"query": 3}', b"\xff", b"[" * 100_000, b'{"message": {"type": "status"}}']
)
async def test_a_bad_body_is_400_and_is_not_repeated(http: httpx.AsyncClient, body: bytes) -> None:
    response = await http.post("/", headers=BEARER, content=body)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert "status" not in response.text.replace("message.type", "")


async def test_one_byte_too_many_is_413(data: Path) -> None:
    knowledge = await Knowledge.open(data)
    body = json.dumps({"query": "parking"}).encode()
    async with asking(knowledge, options=EndpointOptions(max_body=len(body))) as http:
        assert (await http.post("/", headers=BEARER, content=body)).status_code == 200
        large = await http.post("/", headers=BEARER, content=body + b" ")
    await knowledge.aclose()
    assert (large.status_code, large.json()) == (413, {"error": "payload_too_large"})


async def test_other_methods_and_paths(http: httpx.AsyncClient) -> None:
    assert (await http.get("/", headers=BEARER)).status_code == 405
    assert (await http.post("/other", headers=BEARER)).status_code == 404


class Failing:
    async def search(self, *_: object, least: float) -> list[Hit]:
        raise service_error("The knowledge store is damaged", code="store_corrupt", status=500)


async def test_a_store_in_trouble_is_an_empty_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with asking(Failing()) as http:
        response = await http.post("/", headers=BEARER, json={"query": "parking"})
    assert (response.status_code, response.json()["results"]) == (200, [])
    assert "damaged" in caplog.text


class Waiting:
    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.free = asyncio.Event()

    async def search(
        self, organisation: str, query: str, kb: Sequence[str] | None, limit: int, budget: float | None, *, least: float
    ) -> list[Hit]:
        self.begun.set()
        await self.free.wait()
        return []


async def test_one_question_too_many_at_once_is_429() -> None:
    waiting = Waiting()
    async with asking(waiting, options=EndpointOptions(most=1)) as http, asyncio.TaskGroup() as tasks:
        held = tasks.create_task(http.post("/", headers=BEARER, json={"query": "parking"}))
        await waiting.begun.wait()
        refused = await http.post("/", headers=BEARER, json={"query": "parking"})
        assert (refused.status_code, refused.json()["error"]) == (429, "concurrency_limit_exceeded")
        waiting.free.set()
        assert (await held).status_code == 200


async def test_a_platform_that_stops_sending_is_given_up() -> None:
    async with asking(Failing(), options=EndpointOptions(stall=0.05)) as http:
        assert http.base_url.port is not None
        reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: kb\r\nContent-Length: 100\r\n\r\n{")
        async with asyncio.timeout(10):
            assert (await reader.readline()).split()[1] == b"408"
        writer.close()
        await writer.wait_closed()


async def test_the_log_has_one_line_a_request_without_secrets_or_words(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await http.post("/", headers=BEARER, json={"session_label": "label_canary", "query": "words_canary"})
    await http.post("/", headers={"x-vapi-secret": SECRET}, content=vapi({"role": "user", "content": "words_canary"}))
    await http.post("/", headers={"Authorization": "Bearer wrong_canary"}, json={"query": "words_canary"})
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("knowledge.endpoint")]
    assert [line.split(",")[0] for line in lines] == ["omni 200", "vapi 200", "- 401"]
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("pyai_voice"))
    assert "canary" not in ours


def test_without_a_secret_it_is_not_made() -> None:
    with pytest.raises(ConfigurationError, match="token or a secret"):
        Access()
    with pytest.raises(ConfigurationError, match="16 characters"):
        Access(token="short")
    assert TOKEN not in repr(Access(TOKEN, SECRET))
    assert SECRET not in repr(Access(TOKEN, SECRET))


async def test_without_a_secret_on_purpose_everybody_may_ask(data: Path) -> None:
    knowledge = await Knowledge.open(data)
    async with asking(knowledge, Access(insecure=True)) as http:
        response = await http.post("/", json={"query": "parking"})
    await knowledge.aclose()
    assert "behind the house" in response.json()["context"]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from(["user", "knowledge-base-request"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["message", "messages", "type", "role", "content", "text", "query", "agent_id"]), inner
        )
    ),
    max_leaves=20,
)


@given(body=st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
def test_whatever_is_sent_is_a_question_or_one_refusal(body: bytes) -> None:
    try:
        assert isinstance(parse(body).text, str)
    except RequestError as error:
        assert error.code == "invalid_request"
