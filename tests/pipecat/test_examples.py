"""The example of a grounded bot builds what it says; the bots of the demo are called in tests/test_examples.py."""

from __future__ import annotations

import pytest

from tests.frameworks import frameworks_leave_http_clients_open, import_quietly

__all__ = ["frameworks_leave_http_clients_open"]
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Pipecat's OpenAI service never closes

import_quietly("examples.pipecat_cue_bot")


async def test_the_example_of_a_grounded_bot_builds_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipecat.pipeline.worker import PipelineWorker
    from pipecat.processors.frame_processor import FrameProcessor
    from pipecat.transports.base_transport import BaseTransport

    from examples import pipecat_cue_bot

    class Line(BaseTransport):
        def __init__(self) -> None:
            super().__init__()
            self._register_event_handler("on_client_connected")
            self._register_event_handler("on_client_disconnected")

        def input(self) -> FrameProcessor:
            return FrameProcessor()

        def output(self) -> FrameProcessor:
            return FrameProcessor()

    for name, value in {"PYAI_API_KEY": "pyai_test", "OPENAI_API_KEY": "sk-test"}.items():
        monkeypatch.setenv(name, value)
    worker = pipecat_cue_bot.build(Line())
    assert isinstance(worker, PipelineWorker)
