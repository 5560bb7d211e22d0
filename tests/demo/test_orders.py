"""The judge of the recorded orders is strict, and says so when there are none."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from demo.bots import BOTS
from demo.call import Exchange, Line
from demo.orders import Recording, judge, play, recordings
from demo.screen import Screen

PROJECT = Path(__file__).resolve().parents[2]
ORDER = Recording("a.wav", {"drink": "mocha", "size": "small", "milk": "skim milk"})


def heard(*texts: str) -> Exchange:
    exchange = Exchange(Line(b"", 0, 0))
    exchange.heard.extend(texts)
    return exchange


def test_reads_the_manifest(tmp_path: Path) -> None:
    entries = [
        {
            "file": "a.wav",
            "slots": {"coffeeDrink": "mocha", "sugarAmount": " brown  sugar", "numberOfShots": "double shot"},
        },
        {"file": "b.wav", "text": "no order"},
    ]
    (tmp_path / "manifest.json").write_text(json.dumps(entries), encoding="utf-8")
    assert recordings(tmp_path) == [
        Recording("a.wav", {"drink": "mocha", "sugar": "brown sugar", "shots": "double shot"})
    ]


def test_whole_is_every_slot_and_nothing_more() -> None:
    assert judge(ORDER, heard("A small mocha with skim milk.")).whole
    assert not judge(ORDER, heard("A small mocha.")).whole
    assert not judge(ORDER, heard("A small mocha with skim milk and sugar.")).whole
    assert not judge(ORDER, heard("A small mocha with some skim milk.")).whole
    assert not judge(ORDER, heard()).whole


def test_an_order_in_two_parts_counts_together() -> None:
    assert judge(ORDER, heard("A small mocha", "with skim milk")).whole


def test_the_words_of_the_transcript_are_judged_by_themselves() -> None:
    one = judge(ORDER, heard("A small mocker with skim milk"))
    assert (one.slots_in_text, one.slots_in_order, one.whole) == (2, 3, True)


async def test_says_that_there_are_no_recordings(tmp_path: Path) -> None:
    output = StringIO()
    await play(5, Screen(Console(file=output, width=200)), tmp_path / "nowhere")
    assert "No recorded orders" in output.getvalue()


with_recordings = pytest.mark.skipif(not recordings(), reason="no folder shared/speech beside the project")


@with_recordings
def test_every_recorded_order_has_slots_that_the_brain_knows() -> None:
    assert all(recording.slots for recording in recordings())


@with_recordings
@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Pipecat's OpenAI service never closes its client
async def test_real_people_order_from_both_bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYAI_API_KEY", "PYAI_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    output = StringIO()
    await play(2, Screen(Console(file=output, width=200)))
    results = json.loads((tmp_path / "out" / "orders.json").read_text(encoding="utf-8"))
    assert set(results) == {name for name, bot in BOTS.items() if not bot.realtime}
    for name, orders in results.items():
        assert [order["failure"] for order in orders] == ["", ""]
        assert all(order["text"] for order in orders)
        assert f"{name}: {sum(order['whole'] for order in orders)} of 2 orders understood whole" in output.getvalue()
    assert "voice to voice" in output.getvalue()
