"""The page ``/playground``: what it is made of, and who gets a token without a key."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pyai_voice.server.serving import bind
from tests.server.conftest import Local, serve

PARTS = re.compile(r'(?:src|href)="([^"]+)"|from "\./([^"]+)"|addModule\("([^"]+)"\)')


async def parts(local: Local) -> AsyncIterator[httpx.Response]:
    """Yield the page and all that it needs, once each."""
    known = ["/playground"]
    for path in known:
        answer = await local.http.get(path)
        yield answer
        for names in PARTS.findall(answer.text):
            found = next(filter(None, names))
            path = found if found.startswith("/") else f"/playground/{found}"
            if path not in known:
                known.append(path)


async def test_everything_that_the_page_needs_is_in_the_package(local: Local) -> None:
    found = {answer.url.path: answer async for answer in parts(local)}
    assert len(found) >= 12
    kinds = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path, answer in found.items():
        assert answer.status_code == 200, path
        kind = path.rpartition(".")[2] if "." in path else "html"
        assert answer.headers["content-type"] == f"{kinds[kind]}; charset=utf-8"


async def test_nothing_comes_from_elsewhere_and_nothing_is_inline(local: Local) -> None:
    async for answer in parts(local):
        addresses = set(re.findall(r"\w+://[\w.]+", answer.text))
        assert addresses <= {"http://localhost", "http://www.w3.org", "https://or"}, answer.url
        if answer.url.path == "/playground":
            assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", answer.text)


async def test_the_browser_is_told_to_be_careful(local: Local) -> None:
    async for answer in parts(local):
        policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in str(policy)
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.js", "../routes.py", "..%2froutes.py", "__init__.py", "%2e", "%00"])
async def test_no_other_file_is_served(local: Local, name: str) -> None:
    assert (await local.http.get(f"/playground/{name}")).status_code == 404


async def test_the_page_knows_what_there_is(local: Local) -> None:
    about = (await local.http.get("/playground/about")).json()
    assert not about["needs_key"]
    assert about["brain"] == "offline"
    assert about["voices"] == [
        {"voice_id": each.voice_id, "name": each.name} for each in local.engines.synthesizer.voices
    ]


def own(local: Local) -> dict[str, str]:
    """Return the headers of a request of the server's own page."""
    return {"Origin": local.server.base_url}


async def test_its_own_page_gets_a_token_that_is_good_once_and_only_for_it(local: Local) -> None:
    answer = await local.http.post("/playground/session", headers=own(local))
    assert answer.status_code == 201
    assert local.server.api_key not in answer.text
    token = answer.json()["token"]
    with pytest.raises(InvalidStatus) as refused:
        await call(local, token, "http://shop.example")
    assert refused.value.response.status_code == 403
    async with await call(local, token, local.server.base_url) as socket:
        assert (await socket.recv())[:1] == b"\x03"
    with pytest.raises(InvalidStatus) as refused:
        await call(local, token, local.server.base_url)
    assert refused.value.response.status_code == 401


async def test_the_token_opens_nothing_else(local: Local) -> None:
    token = (await local.http.post("/playground/session", headers=own(local))).json()["token"]
    for path in ("/v1/me", "/v1/omni/calls", "/v1/agents", "/v1/voices"):
        answer = await local.http.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, path


async def call(local: Local, token: str, origin: str) -> connect:
    address = f"ws{local.server.base_url.removeprefix('http')}/v1/omni?format=pcm16&rate=16000"
    return await connect(address, origin=origin, subprotocols=["pyai.v1", f"pyai-key.{token}"])


@pytest.mark.parametrize(
    "headers",
    [
        {},  # no page at all
        {"Origin": "http://shop.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},  # another page of this machine
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://shop.example", "Host": "shop.example"},  # a name that was made to point here
        {"Origin": "https://127.0.0.1"},
        {"Origin": "http://["},
    ],
)
async def test_nobody_else_gets_a_token(local: Local, headers: dict[str, str]) -> None:
    answer = await local.http.post("/playground/session", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"


async def test_a_page_of_another_name_is_told_to_ask_for_a_key(local: Local) -> None:
    about = await local.http.get("/playground/about", headers={"Host": "voice.example"})
    assert about.json()["needs_key"]


async def test_a_server_that_others_can_reach_gives_no_tokens_away() -> None:
    async with serve(listening=bind("0.0.0.0")) as local:
        assert (await local.http.get("/playground/about")).json()["needs_key"]
        assert (await local.http.post("/playground/session", headers=own(local))).status_code == 403
