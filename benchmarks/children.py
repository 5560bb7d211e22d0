"""Processes of a benchmark: each is asked by lines of JSON on its standard input, and answers in the same way.

Every party that is measured has a process of its own, and so has the server, whose work is not to be counted.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .official import ROOT

__all__ = ["Child", "child", "obey", "say_hello"]

_LOGS = ROOT / "build" / "benchmarks"
_LAST_WORDS = 10.0
"""Seconds in which a process has to end that is told to."""
_ENVIRONMENT = {"LOGURU_LEVEL": "WARNING", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONHASHSEED": "0"}


class Child:
    """One running process; :meth:`ask` waits for its answer."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.hello = self._answer()
        """What it said when it was ready."""

    def ask(self, **question: Any) -> dict[str, Any]:
        """Return the answer to a question. Raises RuntimeError with the end of the log if the process has ended."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer says more
        return self._answer()

    def log(self) -> str:
        """Return what it has written to its standard error so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._log.stem} ended: {self._log.read_text(encoding='utf-8')[-2000:]}")
        return json.loads(line)


@contextmanager
def child(name: str, *module_and_arguments: str, python: Path | str = sys.executable) -> Generator[Child]:
    """Run ``python -m module arguments`` until the end of the block; its log is ``build/benchmarks/NAME.log``."""
    _LOGS.mkdir(parents=True, exist_ok=True)
    log = _LOGS / f"{name.replace(' ', '-')}.log"
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [str(python), "-m", *module_and_arguments],
            cwd=ROOT,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Child(process, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()  # it may have children of its own, and stops them
    try:
        process.communicate(timeout=_LAST_WORDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def say_hello(**hello: Any) -> SimpleQueue[str]:
    """Inside a child: say that it is ready; return the questions that come.

    The process ends with the one that started it, however that one ends, also in the middle of an answer.
    """
    print(json.dumps(hello), flush=True)
    questions: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    return questions


def _listen(questions: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        questions.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


def obey(answer: Callable[[dict[str, Any]], dict[str, Any]], **hello: Any) -> None:
    """Inside a child: say hello, then answer each question."""
    questions = say_hello(**hello)
    while True:
        print(json.dumps(answer(json.loads(questions.get()))), flush=True)
