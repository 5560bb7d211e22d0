"""The whole service behind one key: conversations, speech, and everything before and after a call.

    async with Client() as client:
        async for voice in client.voices.list():
            print(voice.voice_id, voice.bio)
        agent = await client.agents.create("Front desk", AgentSettings(greeting="Good morning."))
        stream = client.omni(OmniOptions(session_label=agent.agent_id, configure=False))

Above: programs and hosts. Below: the faces (amd, hear, omni, speak) and :mod:`pyai_voice.rest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Self

from pydantic import SecretStr

from .amd import AmdStream
from .amd_options import AmdOptions
from .errors import ConfigurationError
from .exchange import Timeouts
from .hear import HearStream
from .http import HttpClient
from .omni import OmniStream
from .omni_options import OmniOptions
from .omni_tools import ToolHandler
from .options import Endpoint, HearOptions, LinkOptions, SpeakOptions
from .rest.account import Account, AccountRequests
from .rest.agents import AgentRequests
from .rest.amd import AmdRequests
from .rest.audio import AudioRequests
from .rest.calls import CallRequests
from .rest.clones import CloneRequests
from .rest.jobs import JobRequests
from .rest.keys import KeyRequests
from .rest.knowledge import KnowledgeRequests
from .rest.models import ModelRequests
from .rest.openrouter import OpenRouterRequests
from .rest.recap import RecapRequests
from .rest.sessions import SessionRequests
from .rest.telephony import TelephonyRequests
from .rest.tools import ToolRequests
from .rest.trace import TraceRequests
from .rest.voice_design import VoiceDesignRequests
from .rest.voices import VoiceRequests
from .rest.webhook_secret import WebhookRequests
from .speak import SpeakClient, Speech

__all__ = ["Client"]

_SPEAK = Timeouts()
"""Patience for speech; other requests may take longer."""


class Client:
    """One endpoint and one pool of connections for all that is asked of it.

    Reads are repeated on 429, 5xx and network errors within ``retry_window`` seconds (0: never), writes never, unless
    an ``Idempotency-Key`` makes that harmless. Every method raises PyAIError only; what the service does not offer
    raises NotDeployed. Belongs to one event loop.
    """

    def __init__(
        self, endpoint: Endpoint | None = None, *, timeouts: Timeouts | None = None, retry_window: float = 10.0
    ) -> None:
        """``endpoint``: None reads PYAI_API_KEY and PYAI_BASE_URL. Raises ConfigurationError if there is no key."""
        endpoint = endpoint or Endpoint.from_env()
        self._begin(HttpClient(endpoint, timeouts or Timeouts(first_byte=10.0), window=retry_window))

    def _begin(self, http: HttpClient) -> None:
        self._http = http
        self.endpoint = http.endpoint
        self.audio = AudioRequests(http)
        """Recordings to text, while you wait."""
        self.voices = VoiceRequests(http)
        """The catalogue of voices."""
        self.models = ModelRequests(http)
        """The catalogue of models."""
        self.clones = CloneRequests(http)
        """Cloned voices."""
        self.voice_design = VoiceDesignRequests(http)
        """Voices from descriptions."""
        self.agents = AgentRequests(http)
        """Agent profiles of Omni."""
        self.tools = ToolRequests(http)
        """Tools for agents."""
        self.sessions = SessionRequests(http)
        """Tokens for web pages."""
        self.calls = CallRequests(http)
        """Records of Omni calls."""
        self.amd = AmdRequests(http)
        """Answering-machine detection: settings and records; the stream is :meth:`detect`."""
        self.jobs = JobRequests(http)
        """Recordings that are transcribed in their own time."""
        self.knowledge = KnowledgeRequests(http)
        """Knowledge bases, where Cue finds passages."""
        self.trace = TraceRequests(http)
        """What agents may say, and what they said."""
        self.recap = RecapRequests(http)
        """What calls were about."""
        self.telephony = TelephonyRequests(http)
        """Telephone numbers."""
        self.webhooks = WebhookRequests(http)
        """The secret of webhooks."""
        self.keys = KeyRequests(http)
        """Sandbox keys."""
        self.openrouter = OpenRouterRequests(http)
        """The models as OpenRouter lists them."""

    @classmethod
    def for_host(
        cls,
        client: Client | None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        *,
        insecure: bool = False,
    ) -> Client:
        """Return what a host's component uses and closes: a share of ``client``, or a client of its own.

        Closing a share leaves the connections to their owner. Raises ConfigurationError if there is no key, or both.
        """
        if client is None:
            return cls(Endpoint.from_env(api_key, base_url, insecure=insecure))
        if api_key or base_url:
            raise ConfigurationError(
                "client: it has a key and an address already", code="invalid_option", hint="Leave out api_key, base_url"
            )
        return client.share()

    def share(self) -> Client:
        """Return another client over the same connections; closing it leaves them open."""
        other = Client.__new__(type(self))
        other._begin(self._http.sharing())
        return other

    def hear(self, options: HearOptions | None = None, *, link: LinkOptions | None = None) -> HearStream:
        """Return a live transcription; it connects with the first audio."""
        return HearStream(self.endpoint, options, link=link)

    def omni(
        self,
        options: OmniOptions | None = None,
        *,
        handlers: Mapping[str, ToolHandler] | None = None,
        link: LinkOptions | None = None,
    ) -> OmniStream:
        """Return a live conversation with an agent; it connects with the first audio."""
        return OmniStream(self.endpoint, options, handlers=handlers, link=link)

    def detect(self, options: AmdOptions | None = None, *, link: LinkOptions | None = None) -> AmdStream:
        """Return what tells who has answered a call; it connects with the first audio."""
        return AmdStream(self.endpoint, options, link=link)

    def speak(self, text: str, options: SpeakOptions | None = None) -> AbstractAsyncContextManager[Speech]:
        """Open the audio of a text: ``async with client.speak("Hello.") as speech``, as SpeakClient.stream does."""
        return self.speaker().stream(text, options)

    def speaker(self, *, timeouts: Timeouts | None = None, retry_window: float | None = None) -> SpeakClient:
        """Return a SpeakClient over this client's connections, for whole recordings and for its own patience."""
        return SpeakClient.over(self._http.sharing(timeouts or _SPEAK, window=retry_window))

    async def me(self) -> Account:
        """Return whose key this is, and what it may do."""
        return await AccountRequests(self._http).get()

    async def aclose(self) -> None:
        """Close all connections, unless they are another client's; harmless when called again."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
