"""The Moonshine speech model on plain onnxruntime: audio in, words and their likelihood out.

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

from .moonshine_tokens import END, START, Tokens
from .vocabulary import Vocabulary

__all__ = ["FILES", "Decoded", "MoonshineModel", "onnx_session"]

FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
"""What a Moonshine folder holds."""

Samples = npt.NDArray[np.float32]
"""Audio at 16 kHz, -1 to 1."""

_RATE = 16000
_TOKENS_A_SECOND, _TOKENS_MORE = 6.5, 4
_SILENCE_BEHIND = _RATE // 5
"""Samples added to every piece: words at its very end are read better, and none is too short for the encoder."""
_LOSS_A_LIKENESS, _UNLIKE = 30.0, 0.6
"""How much less likely (natural logarithm) a text with a term may be: the more alike it sounds, the more."""
_LOSS, _LOSS_OF_COMMON = 10.0, 3.0
"""But at most so much; common words (a token of their own) were hardly heard by mistake."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the model read in one piece of audio."""

    text: str
    score: float
    """Sum of the tokens' log-probabilities."""
    tokens: int


class MoonshineModel:
    """The loaded model; any number of threads may decode at the same time."""

    def __init__(self, folder: Path) -> None:
        encoder, decoder, tokenizer = (folder / name for name in FILES)
        self._encoder = onnx_session(encoder)
        self._decoder = onnx_session(decoder)
        self._tokens = Tokens(tokenizer.read_bytes())
        shapes = {item.name: item.shape for item in self._decoder.get_inputs() if item.name.startswith("past_")}
        self._empty_cache = {name: np.zeros((1, shape[1], 0, shape[3]), np.float32) for name, shape in shapes.items()}

    def decode(self, samples: Samples, vocabulary: Vocabulary | None, stopped: Callable[[], bool]) -> Decoded:
        """Return the most likely words, chosen token by token; ends early when ``stopped`` says so.

        A stretch that sounds like a term of the vocabulary becomes that term where the audio agrees.
        """
        samples = np.pad(samples, (0, _SILENCE_BEHIND))
        mask = np.ones((1, samples.size), np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})
        audio: dict[str, Any] = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask, **self._empty_cache}
        most = int(samples.size / _RATE * _TOKENS_A_SECOND) + _TOKENS_MORE
        tokens, scores = self._generate(audio, most, stopped)
        text, score = self._tokens.decode(tokens), sum(scores)
        if vocabulary:
            text = vocabulary.correct(
                text,
                lambda other, heard, likeness: (
                    self._score(audio, self._tokens.encode(other)) >= score - self._allowed_loss(heard, likeness)
                ),
            )
        return Decoded(text, score, len(scores))

    def _generate(self, audio: dict[str, Any], most: int, stopped: Callable[[], bool]) -> tuple[list[int], list[float]]:
        feed, token, tokens, scores = dict(audio), START, list[int](), list[float]()
        while token != END and len(scores) < most and not stopped():
            first = not scores
            feed |= {"input_ids": np.array([[token]]), "use_cache_branch": np.array([not first])}
            logits, *cache = self._decoder.run(None, feed)
            token = int(logits[0, -1].argmax())
            tokens.append(token)
            scores.append(_log_probability(logits[0, -1], token))
            for name, value in zip(self._empty_cache, cache, strict=True):
                if first or ".encoder." not in name:  # what the decoder keeps of the audio never changes
                    feed[name] = value
        return tokens, scores

    def _allowed_loss(self, heard: str, likeness: float) -> float:
        """Return how much less likely a text may be with a term in place of what was heard."""
        common = all(len(self._tokens.encode(word)) == 1 for word in heard.split())
        return min(_LOSS_OF_COMMON if common else _LOSS, _LOSS_A_LIKENESS * (likeness - _UNLIKE))

    def _score(self, audio: dict[str, Any], tokens: list[int]) -> float:
        """Return how likely a text is: the sum of its tokens' log-probabilities."""
        feed = {**audio, "input_ids": np.array([[START, *tokens]]), "use_cache_branch": np.array([False])}
        logits = self._decoder.run(None, feed)[0][0]
        return sum(_log_probability(row, token) for row, token in zip(logits, [*tokens, END], strict=True))


def onnx_session(path: Path) -> Any:
    """Load a model for one thread a call, without threads that spin."""
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _log_probability(logits: npt.NDArray[np.float32], token: int) -> float:
    highest = logits.max()
    return float(logits[token] - highest - np.log(np.exp(logits - highest).sum()))
