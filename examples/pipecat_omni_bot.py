"""A barista on Pipecat in one service: PyAI Omni hears the caller, thinks, places the order with a tool and speaks.

Talk to it in a browser, with ``pip install "pipecat-ai[runner,webrtc]" pipecat-pyai``::

    export PYAI_API_KEY=...
    python examples/pipecat_omni_bot.py -t webrtc        # then open http://localhost:7860

Without a key, export instead the lines that ``pyai-voice serve`` prints.
"""

import itertools

from loguru import logger
from pipecat.frames.frames import LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker, ProcessorUnusablePolicy
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.runner.types import RunnerArguments
from pipecat.runner.utils import create_transport
from pipecat.services.llm_service import FunctionCallParams
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import PyAIOmniLLMService
from pyai_voice.omni_events import TransferRequested

INSTRUCTIONS = (
    "You are the barista of a coffee bar, on the telephone. Repeat the order, ask for what is missing (drink, size), "
    "let the caller confirm, then place the order with place_order, say its number, and say goodbye. "
    "One or two short sentences at a time, in plain words: they are spoken."
)
GREETING = "Hello! What can I get you?"
numbers = itertools.count(1)


async def place_order(params: FunctionCallParams, order: str) -> None:
    """Place an order that the caller has confirmed; returns its number."""
    await params.result_callback({"order": order, "number": next(numbers)})


async def transfer(_omni: PyAIOmniLLMService, request: TransferRequested) -> None:
    """Hand the caller to a person: here your telephone system would be told."""
    logger.info(f"The caller wants to speak to {request.destination or 'somebody'}")


def build(transport: BaseTransport) -> PipelineWorker:
    """Return the bot for a transport."""
    omni = PyAIOmniLLMService(system_instruction=INSTRUCTIONS, greeting=GREETING)
    omni.add_event_handler("on_transfer", transfer)
    user, assistant = LLMContextAggregatorPair(LLMContext(tools=[place_order]))
    worker = PipelineWorker(
        Pipeline([transport.input(), user, omni, transport.output(), assistant]),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        processor_unusable_policy=ProcessorUnusablePolicy.END,
    )

    @transport.event_handler("on_client_connected")
    async def begin(_transport: BaseTransport, _client: object) -> None:
        await worker.queue_frame(LLMRunFrame())

    @transport.event_handler("on_client_disconnected")
    async def leave(_transport: BaseTransport, _client: object) -> None:
        await worker.cancel()

    return worker


async def bot(arguments: RunnerArguments) -> None:
    """Run one conversation; Pipecat's runner calls this for each caller."""
    audio = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    runner = WorkerRunner(handle_sigint=arguments.handle_sigint)
    await runner.add_workers(build(await create_transport(arguments, {"webrtc": lambda: audio})))
    await runner.run()


if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
