"""The table of times says what was measured and nothing else."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from demo.call import BOT, Call, Exchange, Line
from demo.screen import Screen
from demo.times import TIMES, Times


def answer(start: float, played: float | None) -> Exchange:
    exchange = Exchange(Line(b"", 0.0, 1.0))
    exchange.onset, exchange.speech_end = start, start + 1
    exchange.first_partial, exchange.final = start + 0.25, start + 1.3
    exchange.first_word, exchange.first_audio, exchange.first_played = start + 1.31, start + 1.35, played
    exchange.first_heard = played and played + 0.25
    return exchange


def test_median_and_worst_of_all_answers() -> None:
    times = Times([Exchange(None), answer(10, 11.4), answer(20, 21.5), answer(30, 31.9)])
    assert times.cell("end of speech to first audio played") == "500 (900)"
    assert times.cell("voice to voice: to the first audible sound") == "750 (1150)"
    assert times.cell("end of speech to final") == "300 (300)"
    assert times.cell("start of speech to first partial") == "250 (250)"


def test_what_did_not_happen_is_not_counted() -> None:
    name = "end of speech to first audio played"
    assert Times([answer(10, None), answer(20, 21.5)]).seconds[name] == [0.5]
    assert Times([answer(10, None)]).cell(name) == "-"
    assert all(Times([Exchange(None)]).cell(name) == "-" for name in TIMES)


def test_shows_one_column_for_each_framework_and_no_markup_of_a_stranger() -> None:
    output = StringIO()
    screen = Screen(Console(file=output, width=120))
    screen.times({"Pipecat": Times([answer(10, 11.4)]), "LiveKit": Times([])})
    screen.narrator("pipecat")("partial", "a [bold]latte")
    screen.narrator("pipecat")("caller", "a [bold]latte[/] please")
    screen.replies([("out/a.wav", "said [x]", "heard")])
    screen.complain("because [it] broke")
    text = output.getvalue()
    assert "400 (400)" in text
    assert "a [bold]latte[/] please" in text
    assert "said [x]" in text
    assert "because [it] broke" in text


async def test_audio_that_began_before_the_end_of_the_line_is_no_answer_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.02, 11.0, 11.02])
    call = Call(lambda who, text: None)
    exchange = answer(9.0, None)
    exchange.first_heard, exchange.speech_end = None, 10.01
    call.exchanges.append(exchange)
    monkeypatch.setattr("demo.call.time.time", lambda: next(clock))
    loud = b"\x00\x10" * (BOT.rate // 50)
    call.play(loud)
    call.play(loud)
    assert exchange.first_played is None
    call.play(bytes(len(loud)))
    assert exchange.first_played == 11.0
    assert exchange.first_heard is None
    call.play(bytes(480) + loud)
    assert exchange.first_heard == pytest.approx(11.03)
    assert len(exchange.audio) == 4 * len(loud) + 480
