"""An agent on LiveKit that answers from a knowledge base: PyAI's Cue ends its turns and brings the passages.

Run it like ``livekit_agent.py``, with a key whose organisation has a knowledge base, or with ``pyai-voice serve`` and
``pyai-voice kb add``::

    python examples/livekit_cue_agent.py dev
"""

import os

from livekit.agents import Agent, AgentServer, AgentSession, ConversationItemAddedEvent, JobContext, cli
from livekit.agents.llm import ChatMessage
from livekit.plugins import openai, pyai

INSTRUCTIONS = (
    "You answer the telephone of a coffee bar. Answer in one or two short sentences, in plain words: they are spoken. "
    "Take facts about the bar only from the passages that you are given; where they say nothing, say so."
)
GREETING = "Hello! What would you like to know?"
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")
STYLE = pyai.GroundingStyle(on_empty="instruct", token_budget=600)

server = AgentServer()


class Host(Agent):
    """Answers questions about the bar."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        """Greet the caller."""
        await self.session.say(GREETING)


def build() -> AgentSession:
    """Return the session: Cue ends the turns, and the model is told the passages of what was just asked."""
    stt = pyai.STT(grounding=True, turns="cue")  # eager=True: predict the end of a turn as well
    session = AgentSession(
        stt=stt,
        llm=pyai.GroundedLLM(openai.LLM(model=MODEL), stt, style=STYLE),
        tts=pyai.TTS(),
        turn_handling=pyai.turn_handling(stt),
    )
    pyai.cite(session, stt, style=STYLE)
    session.on("conversation_item_added", show)
    return session


def show(event: ConversationItemAddedEvent) -> None:
    """Print what the agent has said, and from which passages."""
    if isinstance(event.item, ChatMessage) and event.item.role == "assistant":
        print(event.item.text_content)
        for cited in event.item.extra.get("citations", []):
            print(f"  [{cited['number']}] {cited['score']:.2f}  {' '.join(cited['content'].split())[:70]}")


@server.rtc_session()
async def entrypoint(job: JobContext) -> None:
    """Run one conversation; LiveKit calls this for each room."""
    await build().start(Host(), room=job.room)


if __name__ == "__main__":
    cli.run_app(server)
