"""A barista on Vapi whose voice, ears, turns and knowledge are PyAI's, inside a server of your own.

The assistant is ``vapi_assistant.json``: put your address and your secret into it and give it to Vapi. Then::

    pip install vapi-pyai
    export PYAI_API_KEY=...  OPENAI_API_KEY=...  VAPI_SECRET=$(openssl rand -hex 32)
    python examples/vapi_server.py                  # and a tunnel or a proxy with TLS before it

Without PyAI's and OpenAI's keys, export instead the lines that ``pyai-voice serve`` and ``python -m demo.brain`` print.
A server without more than this is ``pyai-voice vapi serve --grounding``.
"""

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from pyai_voice import Client, CueOptions, HearOptions, TurnPolicy
from vapi_pyai import Access, ChatModel, Token, VapiOptions, create_app

# Cue ends turns, and finds what the knowledge base has on what was said
OPTIONS = VapiOptions(
    hear=HearOptions(language="en", cue=CueOptions(grounding=True, eager=True), turns=TurnPolicy(authority="cue"))
)


def build() -> Starlette:
    """Return the server."""
    secret = os.environ["VAPI_SECRET"]
    # Vapi sends server.secret as X-Vapi-Secret, and the key of a custom LLM as a bearer token
    access = Access(Token(secret), Token.bearer(secret))
    client, model = Client(), ChatModel.from_env(os.environ)

    @asynccontextmanager
    async def life(_server: Starlette) -> AsyncGenerator[None]:
        yield
        await client.aclose()
        if model is not None:
            await model.aclose()

    vapi = create_app(access, client, OPTIONS, model=model)
    return Starlette(routes=[Route("/health", health), Mount("/vapi", vapi)], lifespan=life)


async def health(_request: Request) -> PlainTextResponse:
    """Say that the server is up."""
    return PlainTextResponse("up")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvicorn.run(build(), host="127.0.0.1", port=8644)
