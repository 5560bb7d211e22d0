"""A headless Chromium whose microphone plays a recording."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from pyai_voice.audio import AudioFormat, wav_bytes

__all__ = ["RATE", "browser_page", "recording"]

RATE = 16000
_CHROMIUM = shutil.which("chromium")
_ARGUMENTS = (
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def recording(path: Path, *parts: bytes | float) -> Path:
    """Write what the microphone plays, once: pcm16 at 16 kHz, and seconds of silence."""
    pcm = b"".join(part if isinstance(part, bytes) else bytes(2 * round(part * RATE)) for part in parts)
    path.write_bytes(wav_bytes(pcm, AudioFormat(RATE)))
    return path


@asynccontextmanager
async def browser_page(microphone: Path | None = None, *, refused: bool = False) -> AsyncGenerator[Page]:
    """Open a page; an error or warning on its console is an error here, but for a request that is ``refused``."""
    if _CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    sound = [f"--use-file-for-fake-audio-capture={microphone}%noloop"] if microphone else []
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_ARGUMENTS, *sound])
        try:
            page = await browser.new_page(viewport={"width": 1240, "height": 1000})
            page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page
        finally:
            await browser.close()
    assert not [each for each in complaints if not (refused and each.startswith("Failed to load resource"))]
