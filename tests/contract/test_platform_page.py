"""The page on the platform: its code runs as it stands, one block after the other, against the local server."""

from __future__ import annotations

import ast
import inspect
import io
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyai_voice.server.serving import running
from tests.server.fakes import fake_engines, silence, tone

PAGE = Path(__file__).parents[2] / "docs" / "platform.md"


def stereo() -> bytes:
    """A word on each side."""
    left, right = (np.frombuffer(pcm, np.int16) for pcm in (tone(0.2) + silence(1.4), silence(1.2) + tone(0.4)))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.stack([left, right], axis=1).tobytes())
    return buffer.getvalue()


async def test_the_pages_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "call.wav").write_bytes(stereo())
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    names: dict[str, Any] = {}
    engines = fake_engines()
    async with running(engines) as server:
        monkeypatch.setenv("PYAI_API_KEY", server.api_key)
        monkeypatch.setenv("PYAI_BASE_URL", server.base_url)
        body = compile(code, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        begun = eval(body, names)
        assert inspect.isawaitable(begun)
        await begun
        agent = await names["client"].agents.get(names["agent"].agent_id)
        await names["client"].aclose()
    await engines.aclose()
    assert (agent.persona, agent.greeting) == ("You sell tea.", None)
    assert [each.tool_id for each in agent.tools] == [names["tool"].tool_id]
    assert set(names["for_the_page"]) == {"url", "token"}
    assert "-->" in capsys.readouterr().out
