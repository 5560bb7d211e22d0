"""What the tests of Hear in a Pipecat pipeline share: the service, and how many bytes a second has."""

from __future__ import annotations

from pipecat_pyai import PyAISTTService
from tests.core.scripted import KEY, Server

SECOND = 32_000
"""Bytes of a second at 16 kHz."""


def hear(server: Server, **options: object) -> PyAISTTService:
    return PyAISTTService(api_key=KEY, base_url=server.endpoint.base_url, **options)  # type: ignore[arg-type]
