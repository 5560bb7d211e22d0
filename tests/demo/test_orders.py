"""The judge of the recorded orders is strict, and says so when there are none."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from demo.call import Exchange, Line
from demo.orders import Recording, judge, play, recordings
from demo.screen import Screen

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


@pytest.mark.skipif(not recordings(), reason="no folder shared/speech beside the project")
def test_every_recorded_order_has_slots_that_the_brain_knows() -> None:
    assert all(recording.slots for recording in recordings())
