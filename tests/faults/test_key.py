"""The key of Omni, AMD and the platform is nowhere, also where a service says it back in whatever it refuses."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from livekit.plugins import pyai
from pipecat.frames.frames import LLMRunFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.typing import Subprotocol

from pipecat_pyai import PyAIAmdProcessor, PyAIOmniLLMService
from pyai_voice.amd import AmdStream
from pyai_voice.client import Client
from pyai_voice.errors import PyAIError
from pyai_voice.events import Disconnected
from pyai_voice.omni import OmniStream
from pyai_voice.options import Endpoint
from pyai_voice.redact import MASK
from tests.core.scripted import KEY
from tests.core.scripted_http import CANARY, Peer, answering, scripted
from tests.livekit.headless import call
from tests.livekit.helpers import frames
from tests.pipecat.pipeline import Happenings, running

from .canary import Canary

Address = dict[str, Any]


class Mirror:
    """Refuses twice, in between takes a call and drops it: each time with the credentials that it was given."""

    def __init__(self) -> None:
        self.dials = 0
        self.said: list[str] = []

    def refuse(self, _: ServerConnection, request: Request) -> Response | None:
        self.dials += 1
        if self.dials == 2:
            return None
        message = f"Not with {list(request.headers.raw_items())}"
        self.said.append(message)
        body = json.dumps({"error": {"message": message, "code": f"no_{KEY}", "type": KEY}})
        status = HTTPStatus.SERVICE_UNAVAILABLE if self.dials == 1 else HTTPStatus.UNAUTHORIZED
        headers = Headers({"content-type": "application/json", "x-request-id": KEY})
        return Response(status, KEY, headers, body.encode())

    async def drop(self, socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "error", "code": f"server_{KEY}", "message": f"{KEY} is bad", "id": KEY}))
        await socket.close(1011, f"bad {KEY}")


@asynccontextmanager
async def mirror(canary: Canary) -> AsyncIterator[tuple[Mirror, Address]]:
    service = Mirror()
    canary.keys.append(KEY)
    async with serve(
        service.drop,
        "127.0.0.1",
        0,
        process_request=service.refuse,
        subprotocols=[Subprotocol("pyai.v1")],
        logger=logging.Logger("mirror", logging.CRITICAL),
    ) as sockets:
        yield service, {"api_key": KEY, "base_url": f"http://127.0.0.1:{sockets.sockets[0].getsockname()[1]}"}


async def core_omni(canary: Canary, address: Address) -> None:
    with pytest.raises(PyAIError) as failure:
        async with OmniStream(Endpoint(**address)) as omni:
            async for event in omni:
                canary.look_at(event)
    canary.look_at(failure.value)
    canary.look_at(omni)


async def core_amd(canary: Canary, address: Address) -> None:
    dropped = 0
    with pytest.raises(PyAIError) as failure:
        async with AmdStream(Endpoint(**address)) as amd:
            amd.send_audio(bytes(3200))
            async for event in amd:
                canary.look_at(event)
                dropped += isinstance(event, Disconnected)
    assert dropped == 2
    canary.look_at(failure.value)
    canary.look_at(amd)


async def pipecat_omni(canary: Canary, address: Address) -> None:
    omni = PyAIOmniLLMService(**address, greeting="Hello!")
    user, assistant = LLMContextAggregatorPair(LLMContext())
    happened = Happenings(omni, "on_connection_error", "on_disconnected")
    async with running(user, omni, assistant) as pipeline:
        await pipeline.send(LLMRunFrame())
        await pipeline.when(lambda: any("PYAI_API_KEY" in error.error for error in pipeline.errors))
        for thing in (*pipeline.errors, happened, omni):
            canary.look_at(thing)


async def pipecat_amd(canary: Canary, address: Address) -> None:
    amd = PyAIAmdProcessor(**address, hold=30.0)
    happened = Happenings(amd, "on_decision")
    async with running(amd) as pipeline:
        await pipeline.audio(0.5)
        await happened.until("on_decision")
        for thing in (*pipeline.errors, happened, amd, amd.decision):
            canary.look_at(thing)


async def livekit_omni(canary: Canary, address: Address) -> None:
    model = pyai.RealtimeModel(**address)
    async with call(llm=model) as running_call:
        running_call.session.on("error", canary.look_at)
        async with asyncio.timeout(20):
            canary.look_at(await running_call.closed)
    canary.look_at(model)
    await model.aclose()


async def livekit_amd(canary: Canary, address: Address) -> None:
    async with pyai.AnsweringMachineDetector(**address, hold=30.0) as amd, asyncio.timeout(20):
        for frame in frames(0.5):
            amd.push_frame(frame)
        canary.look_at(await amd.decided())
        canary.look_at(amd)


CALLERS = [core_omni, core_amd, pipecat_omni, pipecat_amd, livekit_omni, livekit_amd]


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.__name__)
async def test_a_key_that_is_said_back_is_seen_nowhere(
    canary: Canary, caller: Callable[[Canary, Address], Awaitable[None]]
) -> None:
    async with mirror(canary) as (service, address):
        await caller(canary, address)
    assert service.dials == 3
    assert all(KEY in said for said in service.said)
    assert any(MASK in word for word in canary.words)


async def say_back(peer: Peer) -> None:
    refusal = {"error": {"message": f"Not with {peer.headers}", "code": f"no_{CANARY}", "type": CANARY}}
    await answering(401, refusal, x_request_id=CANARY)(peer)


async def test_a_key_that_the_platform_says_back_is_seen_nowhere(canary: Canary) -> None:
    canary.keys.append(CANARY)
    async with scripted(say_back) as server, Client(server.endpoint()) as client:
        for ask in (client.me(), client.calls.get("call_1"), client.agents.create("Shop"), client.jobs.upload(b"RIFF")):
            with pytest.raises(PyAIError) as failure:
                await ask
            canary.look_at(failure.value)
        canary.look_at(client)
    assert any(MASK in word for word in canary.words)
