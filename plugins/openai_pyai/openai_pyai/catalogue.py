"""``GET /v1/models``: OpenAI's names that the front knows, and what the service lists itself."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from pyai_voice.client import Client
from pyai_voice.errors import service_error
from pyai_voice.server.door import Reply

from .names import NAMES

__all__ = ["ModelsContract"]


class ModelsContract:
    """Lists models, or shows one."""

    name = "models"
    largest = 1024

    async def read(self, request: Request) -> str | None:
        """Return the model that is asked for; None for all."""
        return request.path_params.get("model")

    async def answer(self, asked: str | None, client: Client, reply: Reply) -> None:
        """Answer with the list or the model."""
        models = {name: _model(name, "openai") for name in NAMES}
        provider = client.endpoint.provider
        if "models" in provider.features:
            models |= {each.id: _model(each.id, provider.name.lower()) async for each in client.models.list()}
        if asked is None:
            await reply.give(JSONResponse({"object": "list", "data": list(models.values())}))
            return
        if asked not in models:
            raise service_error(f"model: there is no {asked[:60]!r}", code="not_found")
        await reply.give(JSONResponse(models[asked]))


def _model(name: str, owner: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}
