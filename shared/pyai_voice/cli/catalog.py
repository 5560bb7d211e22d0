"""``pyai-voice voices`` and ``pyai-voice models``."""

from __future__ import annotations

from typing import Annotated

import typer

from .running import run
from .service import BaseUrl, Json, service

__all__ = ["models", "voices"]


def voices(
    gender: Annotated[str | None, typer.Option(help="F or M.")] = None,
    region: Annotated[str | None, typer.Option(help="As in the catalogue, e.g. en-GB.")] = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> None:
    """List the voices; what stands first goes into `speak --voice` and into your program.

    pyai-voice voices --gender F

    pyai-voice voices --json | jq -r '.[].voice_id'
    """
    run(_voices(gender, region, base_url, as_json))


def models(base_url: BaseUrl = None, as_json: Json = False) -> None:
    """List the models that requests may name.

    pyai-voice models
    """
    run(_models(base_url, as_json))


async def _voices(gender: str | None, region: str | None, base_url: str | None, as_json: bool) -> None:
    from .shown import print_records

    async with service(base_url) as client:
        found = [voice async for voice in client.voices.list(gender=gender, region=region)]
    print_records(found, ("voice_id", "name", "gender", "region", "bio"), as_json, "There are no such voices")


async def _models(base_url: str | None, as_json: bool) -> None:
    from .shown import print_records

    async with service(base_url) as client:
        found = [model async for model in client.models.list()]
    print_records(found, ("id", "capabilities"), as_json, "There are no models")
