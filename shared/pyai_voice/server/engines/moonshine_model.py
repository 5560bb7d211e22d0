"""The Moonshine speech model on plain onnxruntime: audio in, tokens and their likelihood out.

Source: Moonshine (Useful Sensors, MIT), an encoder over raw samples and a decoder with a key-value cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FILES", "Decoded", "MoonshineModel", "onnx_session", "read_tokens"]

FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
"""What a Moonshine folder holds."""

Samples = npt.NDArray[np.float32]
"""Audio at 16 kHz, -1 to 1."""

_RATE = 16000
_START, _END = 1, 2
_TOKENS_A_SECOND, _TOKENS_MORE = 6.5, 4
_SILENCE_BEHIND = _RATE // 5
"""Samples added to every piece: words at its very end are read better, and none is too short for the encoder."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the model read in one piece of audio."""

    text: str
    log_probability: float
    """Mean over the tokens."""
    tokens: int


class MoonshineModel:
    """The loaded model; any number of threads may decode at the same time."""

    def __init__(self, folder: Path) -> None:
        encoder, decoder, tokenizer = (folder / name for name in FILES)
        self._encoder = onnx_session(encoder)
        self._decoder = onnx_session(decoder)
        self._tokens = read_tokens(tokenizer.read_bytes())
        shapes = {item.name: item.shape for item in self._decoder.get_inputs() if item.name.startswith("past_")}
        self._empty_cache = {name: np.zeros((1, shape[1], 0, shape[3]), np.float32) for name, shape in shapes.items()}

    def decode(self, samples: Samples, stopped: Callable[[], bool]) -> Decoded:
        """Return the most likely words, chosen token by token; ends early when ``stopped`` says so."""
        samples = np.pad(samples, (0, _SILENCE_BEHIND))
        mask = np.ones((1, samples.size), np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})
        feed: dict[str, Any] = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        most = int(samples.size / _RATE * _TOKENS_A_SECOND) + _TOKENS_MORE
        tokens, scores = self._generate(feed, most, stopped)
        mean = float(np.mean(scores)) if scores else 0.0
        return Decoded(self._text(tokens), mean, len(scores))

    def _generate(self, feed: dict[str, Any], most: int, stopped: Callable[[], bool]) -> tuple[list[int], list[float]]:
        feed = {**feed, **self._empty_cache}
        token, tokens, scores = _START, list[int](), list[float]()
        while token != _END and len(scores) < most and not stopped():
            first = not scores
            feed |= {"input_ids": np.array([[token]]), "use_cache_branch": np.array([not first])}
            logits, *cache = self._decoder.run(None, feed)
            token, score = _best(logits[0, -1])
            tokens.append(token)
            scores.append(score)
            for name, value in zip(self._empty_cache, cache, strict=True):
                if first or ".encoder." not in name:  # what the decoder keeps of the audio never changes
                    feed[name] = value
        return tokens, scores

    def _text(self, tokens: list[int]) -> str:
        joined = b"".join(self._tokens[token] for token in tokens if token not in (_START, _END))
        return " ".join(joined.decode(errors="replace").replace("\u2581", " ").split())


def onnx_session(path: Path) -> Any:
    """Load a model for one thread of its own a call, without threads that spin."""
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def read_tokens(data: bytes) -> list[bytes]:
    """Read ``tokenizer.bin``: byte strings with their length in front (one byte, or two from 128 on)."""
    tokens, at = list[bytes](), 0
    while at < len(data):
        size, at = data[at], at + 1
        if size >= 128:
            size, at = size - 128 + 128 * data[at], at + 1
        tokens.append(_token_bytes(data[at : at + size]))
        at += size
    return tokens


def _token_bytes(token: bytes) -> bytes:
    if token.startswith(b"<<") and token.endswith(b">>") and len(token) > 4:
        return b""
    if token.startswith(b"<0x") and token.endswith(b">"):
        return bytes.fromhex(token[3:-1].decode())
    return token


def _best(logits: npt.NDArray[np.float32]) -> tuple[int, float]:
    token = int(logits.argmax())
    shifted = logits - logits[token]
    return token, -float(np.log(np.exp(shifted).sum()))
