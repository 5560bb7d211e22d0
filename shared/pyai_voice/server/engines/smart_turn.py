"""Smart Turn v3.2 (Daily, BSD-2-Clause): how finished an utterance sounds, from its last eight seconds.

The model file comes inside the package pipecat-ai, which is neither needed nor imported: where it is installed,
the file is found in it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from . import Priority
from .log_mel import log_mel
from .moonshine_model import onnx_session
from .workers import Workers

__all__ = ["SmartTurn", "find_smart_turn"]

_PACKAGE, _FILE = "pipecat", "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
_HEARD = 8 * 16000


def find_smart_turn() -> Path | None:
    """Return the model's file inside pipecat-ai; None where that is not installed or carries another version."""
    spec = find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((path for folder in folders if (path := Path(folder) / _FILE).is_file()), None)


class SmartTurn:
    """A :class:`~pyai_voice.server.engines.TurnVoice`. One instance serves every stream."""

    rate = 16000

    def __init__(self, workers: Workers, path: Path) -> None:
        self._workers = workers
        self._session: Any = onnx_session(path)

    async def finished(self, pcm: bytes) -> float:
        """Return how finished pcm16 mono at 16 kHz sounds, 0 to 1; 50 ms of one core."""
        return await self._workers.run(Priority.FINAL, lambda _: self._judge(pcm))

    def _judge(self, pcm: bytes) -> float:
        samples = np.divide(np.frombuffer(pcm, "<i2")[-_HEARD:], 32768, dtype=np.float32)
        (probability,) = self._session.run(None, {"input_features": log_mel(samples, _HEARD)[None]})
        return float(probability[0, 0])
