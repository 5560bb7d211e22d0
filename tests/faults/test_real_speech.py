"""Real speech, real engines: a cut changes no word."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyai_voice.audio import read_wav
from pyai_voice.server.engines.load import Engines
from pyai_voice.testing import Abort, HearFault, silence

from .caller import SECOND, talk
from .conftest import Serve, Start
from .hosts.facts import END, ERROR, FINAL

SPEECH = Path(__file__).parents[3] / "shared" / "speech" / "austen_0880.wav"

pytestmark = pytest.mark.skipif(not SPEECH.is_file(), reason="no recordings beside the project (shared/speech)")


async def test_a_cut_changes_no_word(serve: Serve, start: Start, engines: Engines) -> None:
    pcm, _ = read_wav(SPEECH)

    async def heard(*faults: HearFault) -> str:
        async with serve(hear=faults, engines=engines) as server, start(server) as bot:
            await talk(bot, pcm + silence(1.5))
            await bot.facts.until(END)
        assert bot.facts.all(ERROR) == []
        assert len(server.streams) == len(faults) + 1
        return " ".join(bot.facts.all(FINAL))

    whole = await heard()
    assert len(whole.split()) > 5
    assert await heard(Abort(after_bytes=SECOND)) == whole
    assert await heard(Abort(after_bytes=SECOND // 2), Abort(after_bytes=2 * SECOND)) == whole
