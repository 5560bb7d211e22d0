"""Who gets an Omni call on PyAI's own wire, and with which agent: ``/v1/omni`` and its old addresses.

Above: the application. Below: :mod:`.native`. Source: protocol of PyAI, "Connect", "Ephemeral browser tokens", "Agent
profiles".
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from starlette.websockets import WebSocket

from ...omni_options import OmniOptions
from ...protocol.hear.wire import MARKER
from ...protocol.omni.request import OmniRequest, read_agent, read_request
from ..grounding import Grounder
from ..resources.sessions import admit
from ..state.agents import Profile
from ..state.keys import Key
from .conversation import Conversation
from .native import OmniSession
from .posting import Poster
from .record import Recorder
from .sources import Sources

__all__ = ["omni_call", "serve_call"]


async def omni_call(websocket: WebSocket) -> None:
    """Serve ``/v1/omni`` or an alias; a refusal is raised before the upgrade."""
    request = read_request(websocket.query_params)
    with websocket.app.state.streams.take():
        key, label = await admit(websocket)
        await serve_call(websocket, replace(request, session_label=label or request.session_label), key)


async def serve_call(websocket: WebSocket, request: OmniRequest, key: Key) -> None:
    """Serve a call that was admitted; its slot is the caller's to hold."""
    state = websocket.app.state
    label = request.session_label
    profile = await state.stores.agents.profile(key.organisation, label) if label else None
    bound = await state.knowledge.bound(key.organisation)
    grounder = Grounder(state.knowledge, key.organisation) if bound else None
    sources = Sources(state.outbound, grounder, label)
    signing = await state.stores.signing.secrets(key.organisation)
    await state.outbound.warm()  # a knowledge endpoint has only 0.3 s
    await websocket.accept(MARKER if MARKER in websocket.scope["subprotocols"] else None)
    conversation = Conversation(
        state.engines,
        state.brain,
        _agent(profile),
        caller_rate=request.rate,
        output_rate=request.output_rate,
        passages=sources,
        poster=Poster(state.outbound, _secrets(profile), signing, label),
    )
    call_id = f"call_{secrets.token_hex(8)}"
    recorder = Recorder(state.stores.calls, key.organisation, call_id)
    await recorder.begin(session_label=label or None, agent_id=profile.agent.agent_id if profile else None)
    session = OmniSession(
        websocket,
        request,
        conversation,
        state.engines.synthesizer,
        recorder,
        call_id,
        profile=profile is not None,
        own_knowledge=bound,
        dialect=state.settings.omni_dialect,
    )
    state.sessions.add(session)
    try:
        await session.run()
    finally:
        state.sessions.discard(session)
        await sources.aclose()


def _agent(profile: Profile | None) -> OmniOptions:
    """Return the agent of a profile; a plain one without."""
    if profile is None:
        return OmniOptions()
    fields: dict[str, Any] = dict(profile.fields)
    if variants := fields.get("greeting_variants"):
        fields.setdefault("greeting", secrets.choice(variants))
    fields.pop("language", None)  # the engines know English only
    agent, _, _ = read_agent(fields, OmniOptions())
    return agent


def _secrets(profile: Profile | None) -> dict[tuple[str, str], Any]:
    """Return what signs the calls of the profile's own tools, by name and address."""
    if profile is None:
        return {}
    tools = _agent(profile).tools
    return {
        (tool.name, tool.endpoint): profile.secrets[tool.name]
        for tool in tools
        if tool.endpoint and tool.name in profile.secrets
    }
