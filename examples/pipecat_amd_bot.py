"""A bot on Pipecat that calls people: PyAI's AMD tells who has answered before it says a word.

Run it like ``pipecat_bot.py``, on a transport of telephone calls::

    python examples/pipecat_amd_bot.py -t webrtc        # then open http://localhost:7860 and say hello
"""

import os

from pipecat.frames.frames import EndFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker, ProcessorUnusablePolicy
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.runner.types import RunnerArguments
from pipecat.runner.utils import create_transport
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import AmdDecision, PyAIAmdProcessor, PyAISTTService, PyAITTSService

INSTRUCTIONS = (
    "You call customers of a coffee bar to tell them that their order is ready. One or two short sentences at a time, "
    "in plain words: they are spoken. Say goodbye when they know."
)
GREETING = "Hello! This is the coffee bar. Your order is ready."
MESSAGE = "This is the coffee bar. Your order is ready, and we are open until six. Goodbye."
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")


def build(transport: BaseTransport) -> PipelineWorker:
    """Return the bot for a transport."""
    amd = PyAIAmdProcessor()
    stt = PyAISTTService(vad_force_turn_endpoint=False)
    llm = OpenAILLMService(settings=OpenAILLMService.Settings(model=MODEL, system_instruction=INSTRUCTIONS))
    user, assistant = LLMContextAggregatorPair(LLMContext())
    worker = PipelineWorker(
        Pipeline([transport.input(), stt, user, amd, llm, PyAITTSService(), transport.output(), assistant]),
        processor_unusable_policy=ProcessorUnusablePolicy.END,
    )

    @transport.event_handler("on_client_connected")
    async def greet(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(GREETING))  # waits for a person, and is dropped for a machine

    @amd.event_handler("on_decision")
    async def decide(_amd: PyAIAmdProcessor, decision: AmdDecision) -> None:
        print(f"{decision.answered_by} after {decision.at or 0:.1f} s: {decision.reason}")
        if decision.answered_by_twilio == "machine_end_beep":
            await worker.queue_frames([TTSSpeakFrame(MESSAGE), EndFrame()])
        elif decision.is_machine():
            await worker.queue_frame(EndFrame())  # nobody listens

    @transport.event_handler("on_client_disconnected")
    async def leave(_transport: BaseTransport, _client: object) -> None:
        await worker.cancel()

    return worker


async def bot(arguments: RunnerArguments) -> None:
    """Run one conversation; Pipecat's runner calls this for each call."""
    audio = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    transport = await create_transport(arguments, {"webrtc": lambda: audio})
    runner = WorkerRunner(handle_sigint=arguments.handle_sigint)
    await runner.add_workers(build(transport))
    await runner.run()


if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
