"""A barista on Pipecat that hears with PyAI Hear, knows the house by PyAI Cue and speaks with PyAI Speak.

Talk to it in a browser, with ``pip install "pipecat-ai[runner,webrtc]" pipecat-pyai``::

    export PYAI_API_KEY=...  OPENAI_API_KEY=...
    python examples/pipecat_bot.py -t webrtc        # then open http://localhost:7860

Without keys, export instead the lines that ``pyai-voice serve`` and (after ``make setup``) ``python -m demo.brain``
print. Other transports of Pipecat's runner (Daily, Twilio ...) need one more entry each in ``bot``.
"""

import os

from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker, ProcessorUnusablePolicy
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.runner.types import RunnerArguments
from pipecat.runner.utils import create_transport
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import CueOptions, PyAIGroundingProcessor, PyAISTTService, PyAITTSService

INSTRUCTIONS = (
    "You are the barista of a coffee bar, on the telephone. Repeat the order, ask for what is missing (drink, size), "
    "let the caller confirm, and say goodbye. One or two short sentences at a time, in plain words: they are spoken."
)
GREETING = "Hello! What can I get you?"
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")


def build(transport: BaseTransport) -> PipelineWorker:
    """Return the bot for a transport."""
    # PyAI decides when the caller has finished, and finds what the knowledge base has on what was said
    stt = PyAISTTService(vad_force_turn_endpoint=False, cue=CueOptions(grounding=True))
    grounding = PyAIGroundingProcessor()
    llm = OpenAILLMService(settings=OpenAILLMService.Settings(model=MODEL, system_instruction=INSTRUCTIONS))
    tts = PyAITTSService()
    user, assistant = LLMContextAggregatorPair(LLMContext())
    worker = PipelineWorker(
        Pipeline([transport.input(), stt, user, grounding, llm, tts, transport.output(), assistant]),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        processor_unusable_policy=ProcessorUnusablePolicy.END,
    )

    @transport.event_handler("on_client_connected")
    async def greet(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(GREETING))

    @transport.event_handler("on_client_disconnected")
    async def leave(_transport: BaseTransport, _client: object) -> None:
        await worker.cancel()

    return worker


async def bot(arguments: RunnerArguments) -> None:
    """Run one conversation; Pipecat's runner calls this for each caller."""
    audio = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    transport = await create_transport(arguments, {"webrtc": lambda: audio})
    runner = WorkerRunner(handle_sigint=arguments.handle_sigint)
    await runner.add_workers(build(transport))
    await runner.run()


if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
