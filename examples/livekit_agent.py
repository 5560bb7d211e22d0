"""A barista on LiveKit Agents that hears with PyAI Hear, knows the house by PyAI Cue and speaks with PyAI Speak.

Run it as a worker, with ``pip install livekit-plugins-pyai livekit-plugins-openai`` and a LiveKit server::

    export PYAI_API_KEY=...  OPENAI_API_KEY=...
    export LIVEKIT_URL=...  LIVEKIT_API_KEY=...  LIVEKIT_API_SECRET=...
    python examples/livekit_agent.py dev            # then join a room, for instance on agents-playground.livekit.io

Without keys, in a clone after ``make setup``, export instead the lines that ``.venv/bin/pyai-voice serve`` and
``.venv/bin/python -m demo.brain`` print.
"""

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import openai, pyai

INSTRUCTIONS = (
    "You are the barista of a coffee bar, on the telephone. Repeat the order, ask for what is missing (drink, size), "
    "let the caller confirm, and say goodbye. One or two short sentences at a time, in plain words: they are spoken."
)
GREETING = "Hello! What can I get you?"
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")

server = AgentServer()


class Barista(Agent):
    """Takes one order."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        """Greet the caller."""
        await self.session.say(GREETING)


def build() -> AgentSession:
    """Return the session: who hears, who thinks, who speaks, and who decides when the caller has finished."""
    stt = pyai.STT(grounding=True)  # Cue also finds what the knowledge base has on what was said ...
    return AgentSession(
        stt=stt,
        llm=pyai.GroundedLLM(openai.LLM(model=MODEL), stt),  # ... and the model is told, but not the history
        tts=pyai.TTS(),
        turn_handling=pyai.turn_handling(),  # PyAI decides when the caller has finished
    )


@server.rtc_session()
async def entrypoint(job: JobContext) -> None:
    """Run one conversation; LiveKit calls this for each room."""
    await build().start(Barista(), room=job.room)


if __name__ == "__main__":
    cli.run_app(server)
