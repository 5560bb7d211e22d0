"""How well the store finds the passage that answers a question: BM25, embeddings, and both fused.

Two made-up organisations in one knowledge base; questions as callers ask them, labelled with the passages that answer
them. The weight of the embeddings in the fusion is chosen on one half of the questions and judged on the other one, and
the other way round, so that no question is judged by a setting that was chosen with it; no passage is in both halves.
Everything goes through the object that the Hear stream asks, as it is shipped, with three passages in an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.report import Table, Value, run
from benchmarks.retrieval.measuring import (
    MEANING,
    SHIPPED,
    WORDS,
    Found,
    Quality,
    Results,
    answerable,
    best_weights,
    held_out,
    measure,
)

_THRESHOLDS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


def _row(name: str, found: Sequence[Found]) -> list[Value]:
    quality = Quality.of(found)
    return [name, len(found), round(quality.recall, 3), round(quality.reciprocal, 3)]


def _methods(results: Results) -> Table:
    rows: list[list[Value]] = []
    for half, name in ((False, "second half"), (True, "first half")):
        best = best_weights(results, not half)
        for weights, method in ((WORDS, "BM25"), (MEANING, "embeddings"), (best, f"hybrid 1 : {best.meaning}")):
            rows.append(_row(f"{name}, {method}", answerable(results[weights], half)))
    for weights, method in ((WORDS, "BM25"), (MEANING, "embeddings")):
        rows.append(_row(f"both halves, {method}", answerable(results[weights])))
    rows.append(_row("both halves, hybrid, each by the other's weight", held_out(results)))
    rows.append(_row(f"both halves, hybrid as shipped 1 : {SHIPPED.meaning}", answerable(results[SHIPPED])))
    return Table("Passages found, by method", ["questions", "number", "recall at 3", "MRR at 3"], rows)


def _kinds(results: Results) -> Table:
    rows: list[list[Value]] = []
    fused = held_out(results)
    for kind in ("words", "paraphrase", "exact"):
        row: list[Value] = [kind, sum(each.question.kind == kind for each in fused)]
        for found in (answerable(results[WORDS]), answerable(results[MEANING]), fused):
            quality = Quality.of([each for each in found if each.question.kind == kind])
            row += [round(quality.recall, 3), round(quality.reciprocal, 3)]
        rows.append(row)
    heads = [
        "kind",
        "number",
        *(f"{name}: {what}" for name in ("BM25", "embeddings", "hybrid") for what in ("R@3", "MRR")),
    ]
    return Table("By kind of question, both halves", heads, rows)


def _pairs(results: Results) -> Table:
    """Count in how many questions one method finds what the other one does not: differences that small are chance."""
    rows: list[list[Value]] = []
    fused = {each.question: each.place for each in held_out(results)}
    for weights, name in ((WORDS, "BM25"), (MEANING, "embeddings")):
        pairs = [(fused[each.question], each.place) for each in answerable(results[weights])]
        rows.append([name, sum(bool(h) > bool(o) for h, o in pairs), sum(bool(h) < bool(o) for h, o in pairs)])
    return Table("Found by one of the two only", ["against", "hybrid alone", "the other alone"], rows)


def _thresholds(results: Results) -> Table:
    found = results[SHIPPED]
    none = [each for each in found if each.question.kind == "unanswerable"]
    right = answerable(found)
    rows: list[list[Value]] = [
        [
            least,
            round(sum(bool(each.place) and each.score >= least for each in right) / len(right), 3),
            round(sum(each.score >= least for each in none) / len(none), 3),
        ]
        for least in _THRESHOLDS
    ]
    heads = ["least score", "answerable: right passage kept", "unanswerable: still gets passages"]
    return Table(f"What a least score does ({len(right)} answerable, {len(none)} unanswerable)", heads, rows)


def _tables(quick: bool) -> list[Table]:
    results = asyncio.run(measure())
    return [_methods(results), _kinds(results), _pairs(results), _thresholds(results)]


if __name__ == "__main__":
    run("retrieval", __doc__, _tables)
