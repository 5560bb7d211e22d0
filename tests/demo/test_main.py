"""How the demo ends: a status, a sentence, and nothing left running."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger as loguru_logger

from demo.call import CallError
from demo.main import run
from demo.screen import Screen
from demo.servers import services
from pyai_voice.errors import AudioError, PyAIError

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(capture=False)
    loguru_logger.remove()
    loguru_logger.add(sys.stderr)


@pytest.mark.parametrize(
    "error", [CallError("The bot did not answer"), AudioError("caller.wav is empty", hint="x"), PyAIError("no credit")]
)
def test_a_failure_is_a_sentence_and_a_status(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    async def play(_: Screen) -> None:
        raise error

    assert run(play) == 1
    assert str(error) in capsys.readouterr().out.replace("\n", " ")


def test_the_unexpected_says_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    async def play(_: Screen) -> None:
        raise ZeroDivisionError("oh")

    assert run(play) == 1
    assert "ZeroDivisionError: oh" in capsys.readouterr().out


def test_where_nothing_can_be_written_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("a file in the place of the folder", encoding="utf-8")

    async def play(_: Screen) -> None:
        raise AssertionError("must not begin")

    assert run(play) == 1
    assert "Cannot write out/demo.log" in capsys.readouterr().out


def test_success_is_silent_and_zero(capsys: pytest.CaptureFixture[str]) -> None:
    async def play(_: Screen) -> None:
        await asyncio.sleep(0)

    assert run(play) == 0
    assert capsys.readouterr().out == ""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt, as at a terminal: a shell's background job begins with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    cleaned: list[bool] = []

    async def play(_: Screen) -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            cleaned.append(True)

    assert run(play) == 130
    assert cleaned == [True]
    assert "stopped" in capsys.readouterr().out


def test_ctrl_c_while_it_is_still_being_imported_is_no_traceback() -> None:
    program = """
import runpy, sys

class Interrupted:
    def find_spec(self, name, *_):
        if name == "demo.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
runpy.run_module("demo", run_name="__main__")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (130, "", 1)
    assert "stopped" in ended.stderr


async def test_an_address_without_a_key_is_refused_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYAI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.delenv("PYAI_API_KEY", raising=False)
    with pytest.raises(CallError, match="PYAI_API_KEY is not"):
        async with services(tmp_path / "log"):
            raise AssertionError


async def test_a_local_server_that_does_not_start_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PYAI_API_KEY", "PYAI_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("demo.servers._READY", 0.01)
    with pytest.raises(CallError, match="not ready within|ended before it was ready"):
        async with services(tmp_path / "log"):
            raise AssertionError


async def test_what_is_set_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "PYAI_API_KEY": "pyai_test_x",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "OPENAI_MODEL": "some-model",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with services(tmp_path / "log") as used:
        assert used.voice == "https://api.pyai.com"
        assert used.brain == "some-model at http://127.0.0.1:1/v1"
        assert not used.offline
    monkeypatch.delenv("OPENAI_API_KEY")


@pytest.mark.parametrize(("caller", "complaint"), [("nowhere.wav", "nowhere.wav")])
def test_a_bad_recording_ends_the_real_demo(tmp_path: Path, caller: str, complaint: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "CALLER": caller, "COLUMNS": "200"}
    for name in ("PYAI_API_KEY", "PYAI_BASE_URL", "OPENAI_BASE_URL"):
        environment.pop(name, None)
    ended = subprocess.run(
        [sys.executable, "-m", "demo"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=55
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert complaint in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
