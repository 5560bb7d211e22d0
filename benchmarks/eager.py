"""Eager end of turn: what a prediction gains over the final transcript, and how many are withdrawn.

    python -m benchmarks.eager [--quick] [--json FILE]

Recordings of people (``shared/speech`` beside the project, else sentences read by the local Speak) are played in real
time, one after the other, to two Hear streams of a local server with real engines: one with its own endpointing, one
that waits for 800 ms of silence. What the streams tell is kept with the audio between, and given to the predictor once
for each threshold, so that all thresholds see the same. The end of speech is where the voice detector hears the last
of it. A prediction stands that was not withdrawn before the final transcript of its utterance.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import track

from pyai_voice.audio import AudioFormat, read_wav
from pyai_voice.events import HearEvent, PredictionWithdrawn, Transcript, TurnPredicted
from pyai_voice.hear import HearStream
from pyai_voice.options import CueOptions, Endpoint, HearOptions
from pyai_voice.watch import TurnWatch
from pyai_voice.words import same_words

from .children import child
from .engines import SPEECH
from .llm_start import RATE, Clip, clips
from .report import Table, medians, quantile, run

ENDPOINTING = (None, 800)
"""Milliseconds; None is the server's own."""
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
PIECE = 640
"""Bytes: 20 ms."""
PATIENCE = 3.0
"""Seconds of silence after a clip."""


@dataclass
class Record:
    """Everything that a stream took and told, each with the moment, in seconds since its audio began."""

    clip: Clip
    happened: list[tuple[float, bytes | HearEvent]] = field(default_factory=list)


@dataclass
class Utterance:
    """What became of one: moments in seconds since the audio began."""

    final: Transcript
    final_at: float
    predicted: TurnPredicted | None
    predicted_at: float
    last: bool = False
    """Nothing was said after it: its end is the end of speech."""


@dataclass
class Outcome:
    """One threshold on one record."""

    clip: Clip
    predictions: int = 0
    withdrawn: int = 0
    utterances: list[Utterance] = field(default_factory=list)


def measure(quick: bool) -> list[Table]:
    """Play all clips, then judge."""
    with tempfile.TemporaryDirectory() as scratch, child("eager server", "benchmarks.thinking.server") as server:
        chosen = clips(SPEECH, 3 if quick else 60, Path(scratch))
        endpoint = Endpoint.from_env(server.hello["api_key"], server.hello["base_url"])
        heard = asyncio.run(_play_all(endpoint, chosen))
    return [_table(endpointing, records) for endpointing, records in heard.items()]


async def _play_all(endpoint: Endpoint, chosen: list[Clip]) -> dict[int | None, list[Record]]:
    heard: dict[int | None, list[Record]] = {endpointing: [] for endpointing in ENDPOINTING}
    for clip in track(chosen, "playing"):
        for endpointing, records in heard.items():
            records.append(await _play(endpoint, clip, endpointing))
    return heard


async def _play(endpoint: Endpoint, clip: Clip, endpointing: int | None) -> Record:
    record, loop = Record(clip), asyncio.get_running_loop()
    pcm = read_wav(clip.path)[0] + bytes(2 * round(RATE * PATIENCE))
    async with HearStream(endpoint, HearOptions(sample_rate=RATE, endpointing_ms=endpointing)) as stream:
        record.happened.append((0.0, await anext(stream)))  # connected
        began = loop.time()
        listening = asyncio.create_task(_listen(stream, record, began))
        for number, at in enumerate(range(0, len(pcm), PIECE)):
            record.happened.append((loop.time() - began, pcm[at : at + PIECE]))
            stream.send_audio(pcm[at : at + PIECE])
            await asyncio.sleep(max(0.0, began + (number + 1) * PIECE / (2 * RATE) - loop.time()))
        await stream.aclose()
        await listening
    return record


async def _listen(stream: HearStream, record: Record, began: float) -> None:
    async for event in stream:
        record.happened.append((asyncio.get_running_loop().time() - began, event))


def judge(record: Record, threshold: float) -> Outcome:
    """Let the predictor hear what the stream heard, in the same order."""
    outcome, open_since = Outcome(record.clip), 0.0
    predicted: TurnPredicted | None = None
    for at, told in _told(record, threshold):
        match told:
            case TurnPredicted():
                outcome.predictions += 1
                predicted, open_since = told, at
            case PredictionWithdrawn():
                outcome.withdrawn += 1
                predicted = None
            case Transcript(final=True):
                outcome.utterances.append(Utterance(told, at, predicted, open_since))
                predicted = None
            case _:
                pass
    if outcome.utterances:
        outcome.utterances[-1].last = True
    return outcome


def _told(record: Record, threshold: float) -> Iterator[tuple[float, HearEvent]]:
    options = HearOptions(sample_rate=RATE, cue=CueOptions(eager=True, eager_threshold=threshold))
    watch = TurnWatch(options, AudioFormat(RATE))
    for at, what in record.happened:
        if isinstance(what, bytes):
            yield from ((at, event) for event in watch.hear(what))
        else:
            yield from ((at, event) for event in (*watch.take(what, at), what))


def _table(endpointing: int | None, records: list[Record]) -> Table:
    heads = (
        "threshold",
        "turns",
        "final ms p50",
        "prediction ms p50",
        "p90",
        "saved ms p50",
        "turns predicted, %",
        "predictions withdrawn, %",
        "same words as the final, %",
    )
    rows = [(threshold, *_row([judge(record, threshold) for record in records])) for threshold in THRESHOLDS]
    waits = "the server's own endpointing" if endpointing is None else f"endpointing_ms={endpointing}"
    return Table(f"From the end of speech, {waits}", heads, rows)


def _row(outcomes: list[Outcome]) -> tuple[float | int | None, ...]:
    turns = [(turn, outcome.clip.end) for outcome in outcomes for turn in outcome.utterances]
    predicted = [(turn, end) for turn, end in turns if turn.predicted is not None]
    early = [1000 * (turn.predicted_at - end) for turn, end in predicted if turn.last]
    same = [turn.predicted is not None and same_words(turn.predicted.text, turn.final.text) for turn, _ in predicted]
    predictions = sum(outcome.predictions for outcome in outcomes)
    return (
        len(turns),
        medians(1000 * (turn.final_at - end) for turn, end in turns if turn.last),
        medians(early),
        quantile(early, 0.9),
        medians(1000 * (turn.final_at - turn.predicted_at) for turn, _ in predicted),
        100 * len(predicted) / max(1, len(turns)),
        100 * sum(outcome.withdrawn for outcome in outcomes) / max(1, predictions),
        100 * sum(same) / max(1, len(same)),
    )


if __name__ == "__main__":
    run("eager", __doc__, measure)
