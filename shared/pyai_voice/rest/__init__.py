"""Plain requests and answers: recordings to text, the catalogues, knowledge bases.

async with RestClient(endpoint) as client:
    transcription = await client.audio.transcribe("call.wav")
    voices = await client.catalog.voices()
"""

from __future__ import annotations

from typing import Self

from ..exchange import Timeouts
from ..http import HttpClient
from ..options import Endpoint
from .audio import AudioRequests, Segment, Transcription, TranscriptionFormat
from .catalog import Account, CatalogRequests, Model, Voice
from .knowledge import KnowledgeBase, KnowledgeDocument, KnowledgeRequests

__all__ = [
    "Account",
    "KnowledgeBase",
    "KnowledgeDocument",
    "Model",
    "RestClient",
    "Segment",
    "Transcription",
    "TranscriptionFormat",
    "Voice",
]


class RestClient:
    """One endpoint's requests, over one pool of connections. Every method raises PyAIError only."""

    def __init__(self, endpoint: Endpoint, *, timeouts: Timeouts | None = None, retry_window: float = 10.0) -> None:
        http = HttpClient(endpoint, timeouts or Timeouts(first_byte=10.0), window=retry_window)
        self.endpoint = endpoint
        self.audio = AudioRequests(http)
        """Recordings to text: never repeated after a failure, because each may be billed."""
        self.catalog = CatalogRequests(http)
        """Voices, models, the account: repeated on 429, 5xx and network errors within ``retry_window`` seconds."""
        self.knowledge = KnowledgeRequests(http)
        """The organisation's knowledge bases: reads are repeated as the catalogue's, writes never."""
        self._http = http

    async def aclose(self) -> None:
        """Close all connections; harmless when called again."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
