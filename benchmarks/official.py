"""A virtual environment with the official packages, in ``build/``: they have the names of ours, so they live apart.

The frameworks and everything below them are the versions that our own environment has.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

__all__ = ["ROOT", "OfficialMissing", "official_python"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipecat-pyai==0.1.3", "livekit-plugins-pyai==0.1.2")
FRAMEWORKS = ("pipecat-ai", "livekit-agents", "websockets", "aiohttp")
_FOLDER = ROOT / "build" / "official"
_TIMEOUT = 600.0
"""Seconds that the installation may take."""


class OfficialMissing(Exception):
    """The official packages cannot be had; the message says why."""


def official_python() -> Path:
    """Return the interpreter beside which the official packages are installed; install them when they are not.

    Raises OfficialMissing, for instance when no package registry can be reached.
    """
    wanted = [*PACKAGES, *(f"{name}=={version(name)}" for name in FRAMEWORKS), f"psutil=={version('psutil')}"]
    stamp = _FOLDER / "installed.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8").split() != wanted:
        _install(wanted)
        stamp.write_text("\n".join(wanted), encoding="utf-8")
    return _FOLDER / "bin" / "python"


def _install(wanted: list[str]) -> None:
    uv = Path(sys.executable).with_name("uv")
    python = str(_FOLDER / "bin" / "python")
    _run([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(_FOLDER)])
    _run([str(uv), "pip", "install", "--quiet", "--python", python, "--constraint", "constraints.txt", *wanted])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OfficialMissing(f"the official packages could not be installed: {type(error).__name__}") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise OfficialMissing(f"the official packages could not be installed: {last[0].strip()}")
