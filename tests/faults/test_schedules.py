"""Any faults in any order: each frame is heard once, and every turn that begins ends."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.testing import Abort, Close, CloseAfterFinal, ErrorFrame, FaultyServer, HangUp, HearFault, Refuse

from .caller import COUNT, NEXT_UTTERANCE, UTTERANCE, check_turns, talk
from .conftest import name
from .hosts.core import core_bot
from .hosts.facts import END

places = st.integers(0, 2 * len(UTTERANCE) // 2).map(lambda samples: 2 * samples)
faults = st.one_of(
    st.builds(Abort, places),
    st.builds(Close, st.sampled_from([1000, 1001, 1011, 1012, 4429]), st.just(""), places),
    st.builds(ErrorFrame, st.sampled_from(["engine_unavailable", "internal_error"]), st.booleans(), places),
    st.builds(Refuse, st.sampled_from([500, 502, 503])),
    st.just(HangUp()),
    st.just(CloseAfterFinal()),
)


@settings(max_examples=12)
@given(st.lists(faults, max_size=4))
async def test_any_schedule_of_faults(schedule: list[HearFault]) -> None:
    async with FaultyServer(hear=schedule) as server, core_bot(server.base_url, server.api_key) as bot:
        await talk(bot, UTTERANCE, pace=0.002)
        await bot.facts.until(END)
        await talk(bot, NEXT_UTTERANCE, pace=0.002)
        await bot.facts.until(END, 2)
    check_turns(bot.facts, 2 * COUNT, turns=2)
    assert len(server.streams) <= len(schedule) + 1, name(schedule)
