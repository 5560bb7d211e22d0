"""What an Omni call asks of the outside: knowledge endpoints, the organisation's own knowledge, tools' addresses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pyai_voice.omni_events import AgentTurnBegan, KnowledgeQueried, ReplyEnded
from pyai_voice.omni_options import Tool
from pyai_voice.outbound import Outbound
from pyai_voice.server.brain.scripted import ScriptedBrain, call
from pyai_voice.server.knowledge.endpoint import Access, create_endpoint
from pyai_voice.server.knowledge.facade import Knowledge
from pyai_voice.server.omni.sources import read_passages
from pyai_voice.server.serving import bind, serving
from pyai_voice.server.settings import Settings
from pyai_voice.webhooks import verify_webhook
from tests.server.omni_calls import Omni, omni_server

TOKEN = "kb-token-of-sixteen-characters"
PRICES = b"# Prices\n\nA cleaning of the teeth costs eighty dollars.\n\n# Hours\n\nWe open at nine o'clock.\n"


@asynccontextmanager
async def web(app: Starlette) -> AsyncGenerator[str]:
    async with serving(app, Settings(), bind()) as (_, origin):
        yield origin


@asynccontextmanager
async def knowledge_endpoint() -> AsyncGenerator[str]:
    """Serve a knowledge base the way it is offered to the service."""
    async with aclosing(await Knowledge.open()) as knowledge:
        base = await knowledge.create("org_local", "Prices")
        await knowledge.add("org_local", base.id, "prices.md", PRICES, "text/markdown")
        await knowledge.settled()
        await knowledge.search("org_local", "warm up")
        async with web(create_endpoint(knowledge, Access(token=TOKEN))) as origin:
            yield origin


async def asked(omni: Omni, **options: Any) -> KnowledgeQueried:
    """Say something; return what the knowledge base was asked and gave."""
    async with omni.call(**options) as caller:
        caller.speak(0.4)
        event = await caller.until(KnowledgeQueried)
        await caller.until(ReplyEnded)
        return event


async def test_the_agents_own_endpoint_is_asked_with_its_token_and_its_passages_reach_the_brain() -> None:
    brain = ScriptedBrain(["Eighty."] * 20)
    async with knowledge_endpoint() as origin, omni_server(brain=brain) as omni:
        for _ in range(10):  # 0.3 s may not be enough on a busy machine
            found = await asked(omni, kb_endpoint=f"{origin}/", kb_token=TOKEN)
            if found.found:
                break
        assert found.found and found.passages
        assert any("eighty dollars" in each.content for each in brain.prompts[-1].passages)
        refused = await asked(omni, kb_endpoint=f"{origin}/", kb_token="wrong-token-of-16-characters")
        assert not refused.found and refused.reason in ("error", "timeout") and not brain.prompts[-1].passages


@pytest.mark.conforms("O-22")
async def test_an_endpoint_is_told_the_label_and_the_callers_words() -> None:
    seen: list[tuple[dict[str, Any], str | None]] = []

    async def shelf(request: Request) -> Response:
        seen.append((await request.json(), request.headers.get("authorization")))
        return JSONResponse({"results": []})

    async with web(Starlette(routes=[Route("/", shelf, methods=["POST"])])) as origin, omni_server(["Yes."]) as omni:
        await asked(omni, kb_endpoint=f"{origin}/", kb_token=TOKEN, session_label="order 7")
    assert seen and all(each == ({"session_label": "order 7", "query": "0-19."}, f"Bearer {TOKEN}") for each in seen)


@pytest.mark.conforms("O-22")
async def test_an_endpoint_that_is_slow_broken_or_elsewhere_leaves_the_agent_without_passages() -> None:
    gate = asyncio.Event()

    async def slow(request: Request) -> Response:
        await gate.wait()
        return JSONResponse({})

    routes = [
        Route("/slow", slow, methods=["POST"]),
        Route("/broken", lambda _: PlainTextResponse("<html>"), methods=["POST"]),
        Route("/fails", lambda _: PlainTextResponse("no", 500), methods=["POST"]),
        Route("/away", lambda _: RedirectResponse("http://127.0.0.1:9/"), methods=["POST"]),
        Route("/large", lambda _: PlainTextResponse("x" * 100_000), methods=["POST"]),
    ]
    wanted = {"slow": "timeout", "broken": "no_match", "fails": "error", "away": "error", "large": "error"}
    async with web(Starlette(routes=routes)) as origin, omni_server(["Fine."] * 10) as omni:
        for path, reason in wanted.items():
            event = await asked(omni, kb_endpoint=f"{origin}/{path}")
            assert not event.found and event.reason in (reason, "timeout"), path  # a busy machine may be slow itself
        gate.set()


async def test_this_machine_is_not_asked_unless_a_test_allows_it() -> None:
    brain = ScriptedBrain(["Fine."])
    async with knowledge_endpoint() as origin, omni_server(brain=brain) as omni:
        omni.server.app.state.outbound = Outbound()  # as a server has it whose settings do not allow it
        event = await asked(omni, kb_endpoint=f"{origin}/", kb_token=TOKEN)
        assert (event.found, event.reason) == (False, "blocked")


async def test_the_organisations_own_knowledge_is_asked_where_the_agent_names_no_endpoint() -> None:
    brain = ScriptedBrain(["Eighty."])
    async with omni_server(brain=brain) as omni:
        state = omni.server.app.state
        base = await state.knowledge.create("org_local", "Prices")
        await state.knowledge.add("org_local", base.id, "prices.md", PRICES, "text/markdown")
        await state.knowledge.settled()
        async with omni.call() as caller:
            caller.speak(0.4)  # the recogniser writes "0-19.", which no passage is about
            event = await caller.until(KnowledgeQueried)
            await caller.until(ReplyEnded)
            assert (event.found, event.reason) == (False, "no_match")


async def test_a_tools_address_gets_the_call_signed_and_its_answer_is_the_result() -> None:
    seen: list[tuple[bytes, str | None]] = []

    async def shelf(request: Request) -> Response:
        seen.append((await request.body(), request.headers.get("x-pyai-signature")))
        return JSONResponse({"shelf": 7})

    brain = ScriptedBrain([[call("look", id="a")], "Shelf seven."])
    async with web(Starlette(routes=[Route("/look", shelf, methods=["POST"])])) as origin:
        async with omni_server(brain=brain) as omni:
            secret = (await omni.http.post("/v1/webhooks/signing-secret")).json()["secret"]
            async with omni.call(tools=(Tool(name="look", endpoint=f"{origin}/look"),), session_label="s1") as caller:
                caller.speak(0.4)
                await caller.until(ReplyEnded, lambda each: "seven" in each.text)
    ((body, signature),) = seen
    verify_webhook(body, signature, secret)
    said = json.loads(body)
    assert (said["name"], said["arguments"], said["session_label"]) == ("look", {"id": "a"}, "s1") and said["call_id"]
    assert brain.prompts[1].messages[-1].text == '{"shelf": 7}'


async def test_a_registered_tool_of_a_profile_is_signed_with_its_own_secret() -> None:
    seen: list[tuple[bytes, str | None]] = []

    async def shelf(request: Request) -> Response:
        seen.append((await request.body(), request.headers.get("x-pyai-signature")))
        return PlainTextResponse("gone", 500)

    brain = ScriptedBrain([[call("look")], "Sorry."])
    async with web(Starlette(routes=[Route("/look", shelf, methods=["POST"])])) as origin:
        async with omni_server(brain=brain) as omni:
            wanted = {"name": "look", "webhook_url": f"{origin}/look", "input_schema": {"type": "object"}}
            tool = (await omni.http.post("/v1/tools", json=wanted)).json()
            agent = (await omni.http.post("/v1/agents", json={"name": "Mia"})).json()["agent_id"]
            attached = [{"tool_id": tool["tool_id"], "enabled": True}]
            assert (await omni.http.put(f"/v1/agents/{agent}/tools", json=attached)).status_code == 200
            async with omni.call(session_label=agent, configure=False) as caller:
                caller.speak(0.4)
                await caller.until(ReplyEnded, lambda each: each.text == "Sorry.")
    ((body, signature),) = seen
    verify_webhook(body, signature, tool["hmac_secret"])
    assert brain.prompts[1].messages[-1].text == "the tool answered with status 500"


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b'{"results":[{"id":"a","content":"One."},{"content":" "},{"content":"Two.","score":0.5}]}', ["One.", "Two."]),
        (b'{"documents":[{"uuid":"u","content":"One.","similarity":0.4}]}', ["One."]),
        (b'{"context":"- One.\\n- Two."}', ["- One.\n- Two."]),
        (b'{"results":[],"context":""}', []),
        (b'{"results":"no"}', []),
        (b"[1,2]", []),
        (b"no json", []),
        (b"[" * 100_000, []),
        (b"\xff\xfe", []),
    ],
)
def test_answers_of_an_endpoint_are_read_in_every_shape(body: bytes, texts: list[str]) -> None:
    passages, ids = read_passages(body)
    assert [each.content for each in passages] == texts and len(ids) == len(texts)


async def test_passages_do_not_delay_the_turn_by_more_than_their_budget() -> None:
    gate = asyncio.Event()

    async def slow(request: Request) -> Response:
        await gate.wait()
        return JSONResponse({})

    async with web(Starlette(routes=[Route("/", slow, methods=["POST"])])) as origin, omni_server(["Yes."]) as omni:
        async with omni.call(kb_endpoint=f"{origin}/") as caller:
            caller.speak(0.4)
            await caller.until(AgentTurnBegan)
        gate.set()
