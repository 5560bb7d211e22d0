"""Meaning as vectors: WordLlama's token vectors, read from its package, averaged.

A text is the mean of its tokens' vectors, at length 1. The vectors are trained so that a token which says much is long
and one which says little is short, hence no further weights are needed; the commonest words are left out all the same.
Only the package's two data files are used: its own loader asks the network for one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType] - os.PathLike without its type
from tokenizers import Tokenizer

from ...errors import ConfigurationError
from . import Vectors
from .words import COMMON

__all__ = ["DIMENSION", "MODEL", "Embedder", "load_embedder"]

MODEL = "wordllama-l2-supercat-256"
"""Name of the vectors: those of different names cannot be compared."""
DIMENSION = 256

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


class Embedder:
    """Texts to vectors; any number of threads may use it at the same time."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        (self._vectors,) = load_file(folder / _WEIGHTS).values()
        common = {self._tokenizer.token_to_id(f"\u2581{form}") for word in COMMON for form in (word, word.title())}
        self._says_little = np.isin(np.arange(len(self._vectors)), [token for token in common if token is not None])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text, float32, of length 1 (all 0 for a text without a token)."""
        return np.stack([self._embed(text) for text in texts]) if texts else np.empty((0, DIMENSION), np.float32)

    def _embed(self, text: str) -> Vectors:
        tokens = np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.intp)
        telling = tokens[~self._says_little[tokens]]
        total = self._vectors[telling if len(telling) else tokens].sum(axis=0, dtype=np.float32)
        length = float(np.linalg.norm(total))
        return total / np.float32(length) if length else total


@cache
def load_embedder() -> Embedder:
    """Load the vectors (0.1 s, 20 MB), once for the process. Raises ConfigurationError when they are not installed."""
    spec = find_spec("wordllama")
    reason = "wordllama is not here"
    if spec is not None and spec.submodule_search_locations:
        try:
            return Embedder(Path(spec.submodule_search_locations[0]))
        except (OSError, SafetensorError, ValueError) as error:
            reason = f"its files cannot be read: {type(error).__name__}"
    raise ConfigurationError(
        f"Knowledge bases need the package wordllama ({reason})",
        code="engine_missing",
        hint="pip install 'pyai-voice[server]'",
    )
