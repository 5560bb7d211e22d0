"""A barista on LiveKit Agents in one model: PyAI Omni hears the caller, thinks, places the order and speaks.

Run it as a worker, with ``pip install livekit-plugins-pyai`` and a LiveKit server::

    export PYAI_API_KEY=...
    export LIVEKIT_URL=...  LIVEKIT_API_KEY=...  LIVEKIT_API_SECRET=...
    python examples/livekit_omni_agent.py dev       # then join a room, for instance on agents-playground.livekit.io

Without a key, export instead the lines that ``pyai-voice serve`` prints.
"""

from dataclasses import dataclass, field

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, RunContext, cli, function_tool
from livekit.plugins import pyai

from pyai_voice.omni_events import TransferRequested

INSTRUCTIONS = (
    "You are the barista of a coffee bar, on the telephone. Repeat the order, ask for what is missing (drink, size), "
    "let the caller confirm, then place the order with place_order, say its number, and say goodbye. "
    "One or two short sentences at a time, in plain words: they are spoken."
)
GREETING = "Hello! What can I get you?"

server = AgentServer()


@dataclass
class Orders:
    """What this caller has ordered; the session's ``userdata``."""

    placed: list[str] = field(default_factory=list)


class Barista(Agent):
    """Takes one order."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    @function_tool
    async def place_order(self, context: RunContext[Orders], order: str) -> str:
        """Place an order that the caller has confirmed; returns its number."""
        context.userdata.placed.append(order)
        return f"Order number {len(context.userdata.placed)}: {order}"


def build() -> AgentSession[Orders]:
    """Return the session: the model is all of it."""
    omni = pyai.realtime.RealtimeModel(greeting=GREETING)
    omni.on("transfer", transfer)
    # Omni ends the turns: LiveKit need load no detectors of its own
    session = AgentSession(llm=omni, userdata=Orders(), vad=None, turn_handling={"turn_detection": "realtime_llm"})
    omni.on("hang_up", lambda _: session.shutdown())  # after its goodbye has been played
    return session


def transfer(wanted: TransferRequested) -> None:
    """Hand the caller to a person: here your telephone system would be told."""
    print("The caller wants to speak to", wanted.destination or "somebody")


@server.rtc_session()
async def entrypoint(job: JobContext) -> None:
    """Run one conversation; LiveKit calls this for each room."""
    await build().start(Barista(), room=job.room)


if __name__ == "__main__":
    cli.run_app(server)
