"""A bot on Pipecat that answers from a knowledge base: PyAI's Cue ends its turns and brings the passages.

Run it like ``pipecat_bot.py``, with a key whose organisation has a knowledge base, or with ``pyai-voice serve`` and
``pyai-voice kb add``::

    python examples/pipecat_cue_bot.py -t webrtc        # then open http://localhost:7860
"""

import os
from collections.abc import Sequence

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

from pipecat_pyai import CueOptions, GroundingStyle, PyAIGroundingProcessor, PyAISTTService, PyAITTSService
from pyai_voice.events import Passage

INSTRUCTIONS = (
    "You answer the telephone of a coffee bar. Answer in one or two short sentences, in plain words: they are spoken. "
    "Take facts about the bar only from the passages that you are given; where they say nothing, say so."
)
GREETING = "Hello! What would you like to know?"
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")


def build(transport: BaseTransport) -> PipelineWorker:
    """Return the bot for a transport: Cue ends the turns, and the model is told the passages of what was just asked."""
    cue = CueOptions(grounding=True)  # eager=True: predict the end of a turn as well
    stt = PyAISTTService(cue=cue, turns="cue")
    grounding = PyAIGroundingProcessor(style=GroundingStyle(on_empty="instruct", token_budget=600))
    llm = OpenAILLMService(settings=OpenAILLMService.Settings(model=MODEL, system_instruction=INSTRUCTIONS))
    user, assistant = LLMContextAggregatorPair(LLMContext())
    worker = PipelineWorker(
        Pipeline([transport.input(), stt, user, grounding, llm, PyAITTSService(), transport.output(), assistant]),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        processor_unusable_policy=ProcessorUnusablePolicy.END,
    )
    grounding.add_event_handler("on_grounding", show)

    @transport.event_handler("on_client_connected")
    async def greet(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(GREETING))

    @transport.event_handler("on_client_disconnected")
    async def leave(_transport: BaseTransport, _client: object) -> None:
        await worker.cancel()

    return worker


async def show(_grounding: PyAIGroundingProcessor, passages: Sequence[Passage]) -> None:
    """Print what the model was given."""
    for number, passage in enumerate(passages, 1):
        print(f"[{number}] {passage.score:.2f}  {' '.join(passage.content.split())[:70]}")


async def bot(arguments: RunnerArguments) -> None:
    """Run one conversation; Pipecat's runner calls this for each caller."""
    audio = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    runner = WorkerRunner(handle_sigint=arguments.handle_sigint)
    await runner.add_workers(build(await create_transport(arguments, {"webrtc": lambda: audio})))
    await runner.run()


if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
