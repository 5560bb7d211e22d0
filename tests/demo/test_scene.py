"""The demonstration as a newcomer sees it: one command, real engines, four bots that take the order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.bots import BOTS
from demo.caller import SCRIPT
from pyai_voice.audio import read_wav

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(300)
def test_a_caller_orders_coffee_from_all_bots(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}
    for name in ("PYAI_API_KEY", "PYAI_BASE_URL", "OPENAI_BASE_URL", "CALLER"):
        environment.pop(name, None)
    ended = subprocess.run(
        [sys.executable, "-m", "demo"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=290
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.stdout.count("coming right up") >= len(BOTS)
    assert "the worst of times" in ended.stdout
    for name in BOTS:
        for number in range(len(SCRIPT) + 1):
            pcm, source = read_wav(tmp_path / "out" / f"{name.lower().replace(' ', '_')}_{number}.wav")
            assert source.seconds(len(pcm)) > 0.3
