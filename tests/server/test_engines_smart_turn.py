"""The second voice on the end of a turn: its picture of sound, its file, and that the words overrule nothing alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from pyai_voice.server.engines import smart_turn
from pyai_voice.server.engines.log_mel import log_mel
from pyai_voice.server.engines.smart_turn import SmartTurn, find_smart_turn
from pyai_voice.server.engines.workers import Workers

LENGTH = 8 * 16000
needs_model = pytest.mark.skipif(find_smart_turn() is None, reason="pipecat-ai with Smart Turn v3.2 is not installed")


def noise(samples: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.1 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 100, 16333, 40000, LENGTH - 1, LENGTH, LENGTH + 5000])
def test_the_picture_of_sound_is_that_of_the_model(samples: int) -> None:
    features = pytest.importorskip("pipecat.audio.turn.smart_turn._whisper_features", exc_type=ImportError)
    heard = noise(samples)
    padded = np.pad(heard[-LENGTH:], (max(0, LENGTH - samples), 0))
    assert np.abs(log_mel(heard, LENGTH) - features.compute_whisper_log_mel_features(padded)).max() < 1e-5


def test_a_tone_lies_in_one_band_and_silence_is_even() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    picture = log_mel(tone, 16000)
    assert picture.shape == (80, 100)
    assert picture.dtype == np.float32
    loudest = picture[:, 10:90].argmax(axis=0)
    assert np.unique(loudest).size == 1
    assert np.ptp(log_mel(np.zeros(16000, np.float32), 16000)) == 0


def test_it_is_not_there_where_pipecat_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smart_turn, "_PACKAGE", "no_such_package")
    assert find_smart_turn() is None


def test_another_version_of_pipecat_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "another_pipecat").mkdir()
    (tmp_path / "another_pipecat" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(smart_turn, "_PACKAGE", "another_pipecat")
    assert find_smart_turn() is None


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    pool = Workers()
    yield pool
    await pool.aclose()


@needs_model
async def test_it_judges_any_length_off_the_event_loop(workers: Workers) -> None:
    path = find_smart_turn()
    assert path is not None
    voice = SmartTurn(workers, path)
    heard = [(32767 * noise(samples)).astype("<i2").tobytes() for samples in (16, 16000, 20 * 16000)]
    async with asyncio.timeout(30):
        opinions = await asyncio.gather(*map(voice.finished, heard))
    assert all(0 <= opinion <= 1 for opinion in opinions)
    assert len(set(opinions)) > 1
