"""A telephone number of Twilio that a bot on Pipecat answers, with PyAI Hear, Cue and Speak.

Run it like ``twilio_omni.py``, with a model's key (or what ``python -m demo.brain`` prints) beside the others::

    export PYAI_API_KEY=... OPENAI_API_KEY=... TWILIO_AUTH_TOKEN=... TWILIO_PUBLIC_URL=https://voice.example.com
    python examples/pipecat_twilio_bot.py
"""

import os

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.frames.frames import Frame, InputDTMFFrame, LLMMessagesAppendFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker, ProcessorUnusablePolicy
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

from pipecat_pyai import PyAISTTService, PyAITTSService
from twilio_pyai import Access, Webhook

INSTRUCTIONS = "You answer the telephone of a coffee bar. One or two short sentences at a time: they are spoken."
access = Access(os.environ["TWILIO_AUTH_TOKEN"], public_url=os.environ.get("TWILIO_PUBLIC_URL", ""))
app = FastAPI()
app.add_route("/voice", Webhook(access), methods=["POST"])  # tells Twilio to stream the call to /media


class Keys(FrameProcessor):
    """Keys of the telephone."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Stop the bot's words, and let the model answer the key."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, InputDTMFFrame):
            await self.broadcast_interruption()
            pressed = {"role": "user", "content": f"(presses {frame.button.value})"}
            await self.push_frame(LLMMessagesAppendFrame([pressed], run_llm=True))


def build(transport: FastAPIWebsocketTransport) -> PipelineWorker:
    """Return the bot for a call; Cue ends turns, and interrupts the bot when the caller speaks."""
    stt, tts = PyAISTTService(turns="cue"), PyAITTSService()
    llm = OpenAILLMService(settings=OpenAILLMService.Settings(system_instruction=INSTRUCTIONS))
    user, assistant = LLMContextAggregatorPair(LLMContext())
    return PipelineWorker(
        Pipeline([transport.input(), Keys(), stt, user, llm, tts, transport.output(), assistant]),
        params=PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000),  # so nothing is resampled
        processor_unusable_policy=ProcessorUnusablePolicy.END,
    )


@app.websocket("/media")
async def media(websocket: WebSocket) -> None:
    """Hold one conversation; the call ends with its stream."""
    access.check(websocket)
    await websocket.accept()
    _, call = await parse_telephony_websocket(websocket)
    twilio = TwilioFrameSerializer(call["stream_id"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    sound = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=twilio)
    transport = FastAPIWebsocketTransport(websocket, sound)
    worker, runner = build(transport), WorkerRunner(handle_sigint=False)

    @transport.event_handler("on_client_disconnected")
    async def leave(*_: object) -> None:
        await worker.cancel()

    await runner.add_workers(worker)
    await worker.queue_frame(TTSSpeakFrame("Hello! This is the coffee bar."))
    await runner.run()


if __name__ == "__main__":
    uvicorn.run(app, port=8645, ws_max_size=1 << 16, proxy_headers=False)
