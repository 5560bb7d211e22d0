"""An agent on LiveKit that calls people: PyAI's AMD tells who has answered before it says a word.

Run it like ``livekit_agent.py``, with a SIP trunk; dispatch a job whose metadata is the number to call::

    python examples/livekit_amd_agent.py dev
"""

import os

from livekit import api
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import openai, pyai

INSTRUCTIONS = (
    "You call customers of a coffee bar to tell them that their order is ready. One or two short sentences at a time, "
    "in plain words: they are spoken. Say goodbye when they know."
)
GREETING = "Hello! This is the coffee bar. Your order is ready."
MESSAGE = "This is the coffee bar. Your order is ready, and we are open until six. Goodbye."
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")

server = AgentServer()


class Caller(pyai.PatientAgentMixin, Agent):
    """Greets people, leaves voicemails a message, and says nothing to other machines."""

    def __init__(self, amd: pyai.AnsweringMachineDetector) -> None:
        super().__init__(instructions=INSTRUCTIONS)
        self.amd = amd

    async def on_enter(self) -> None:
        """Wait for the decision, then speak or hang up."""
        decision = await self.amd.decided()
        print(f"{decision.answered_by} after {decision.at or 0:.1f} s: {decision.reason}")
        if await self.amd.may_speak():
            await self.session.say(GREETING)
            return
        if decision.answered_by_twilio == "machine_end_beep":
            await self.session.say(MESSAGE, allow_interruptions=False)
        self.session.shutdown()


def build() -> AgentSession:
    """Return the session: who hears, who thinks, who speaks."""
    return AgentSession(stt=pyai.STT(), llm=openai.LLM(model=MODEL), tts=pyai.TTS(), turn_handling=pyai.turn_handling())


@server.rtc_session()
async def entrypoint(job: JobContext) -> None:
    """Call the number in the job's metadata; LiveKit calls this for each room."""
    await job.connect()
    amd = pyai.AnsweringMachineDetector()
    job.add_shutdown_callback(amd.aclose)
    amd.hear_participant(job.room)
    await build().start(Caller(amd), room=job.room)
    call = api.CreateSIPParticipantRequest(
        room_name=job.room.name,
        sip_trunk_id=os.environ["SIP_TRUNK_ID"],
        sip_call_to=job.job.metadata,
        participant_identity="phone",
        wait_until_answered=True,
    )
    try:
        await job.api.sip.create_sip_participant(call)
    except api.TwirpError as error:  # busy, or nobody answers
        await amd.aclose()  # else the agent, and with it the job, waits for a decision
        job.shutdown(error.message)


if __name__ == "__main__":
    cli.run_app(server)
