"""Documents cut into pieces: whole sentences, titles kept, no word lost."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pyai_voice.server.knowledge import Block, Chunk, Document
from pyai_voice.server.knowledge.chunks import Sizes, split
from pyai_voice.server.knowledge.documents import read_document

USUAL = Sizes()
SMALL = Sizes(aim=12, slack=4, overlap=5)


def cut(text: str, sizes: Sizes = USUAL) -> list[Chunk]:
    return split(read_document(text.encode(), "text/markdown", "guide.md"), sizes)


def sentence(name: str, words: int) -> str:
    return " ".join(f"{name}{number}" for number in range(words)) + "."


def test_the_titles_above_stay_with_each_piece() -> None:
    chunks = cut(
        "Before all.\n\n# Clinic\nOpen.\n\n## Prices\nFair.\n\n### Crowns\nDear.\n\n## Team\nKind.\n\n# Annex\nNew."
    )
    assert [(chunk.heading, chunk.text) for chunk in chunks] == [
        ("Clinic", "Before all."),
        ("Clinic", "Open."),
        ("Clinic > Prices", "Fair."),
        ("Clinic > Prices > Crowns", "Dear."),
        ("Clinic > Team", "Kind."),
        ("Annex", "New."),
    ]
    assert [chunk.position for chunk in chunks] == list(range(6))
    assert chunks[2].content == "Clinic > Prices\nFair."


def test_a_document_without_titles_has_its_name() -> None:
    (chunk,) = cut("Open every day.")
    assert chunk.heading == "guide"


def test_a_title_with_nothing_below_it_is_text() -> None:
    chunks = cut("# Clinic\n\n## We are closed in August\n\n## Prices\n\nFair.")
    assert [(chunk.heading, chunk.text) for chunk in chunks] == [
        ("Clinic", "We are closed in August"),
        ("Clinic > Prices", "Fair."),
    ]


def test_pieces_end_with_sentences_and_begin_with_the_last_one_of_the_piece_before() -> None:
    chunks = cut("# T\n\n" + " ".join(sentence(name, 5) for name in "abcdef"), SMALL)
    assert [re.findall(r"([a-f])0", chunk.text) for chunk in chunks] == [
        ["a", "b"],
        ["b", "c"],
        ["c", "d"],
        ["d", "e", "f"],
    ]


def test_no_scrap_is_left_at_the_end() -> None:
    (chunk,) = cut("# T\n\n" + " ".join([sentence("a", 6), sentence("b", 6), sentence("c", 4)]), SMALL)
    assert chunk.text.endswith("c3.")


def test_abbreviations_and_initials_end_no_sentence() -> None:
    text = "# T\n\nAsk Dr. Maria J. Ortiz, e.g. on Monday at St. Mary's. Then No. 5 opens."
    assert [chunk.text for chunk in cut(text, Sizes(aim=11, slack=0, overlap=0))] == [
        "Ask Dr. Maria J. Ortiz, e.g. on Monday at St. Mary's.",
        "Then No. 5 opens.",
    ]


def test_rows_and_items_stand_on_lines_of_their_own() -> None:
    (chunk,) = cut("# T\n\n| Bean | Price |\n|--|--|\n| Sidama | 14 |\n| Huila | 13 |\n\n- one. two.\n- three")
    assert chunk.text == "Bean: Sidama; Price: 14\nBean: Huila; Price: 13\none. two.\nthree"


def test_an_overlong_sentence_is_cut_between_words() -> None:
    chunks = cut("# T\n\n" + sentence("a", 100), SMALL)
    assert all(len(chunk.text.split()) <= 17 for chunk in chunks)
    assert " ".join(chunk.text for chunk in chunks).split()[-1] == "a99."


def test_a_text_without_spaces_is_cut_too() -> None:
    chunks = cut("# 题\n\n" + "我们每天早上八点开门。" * 300)
    assert len(chunks) > 1
    assert all(len(chunk.text) <= 1700 and chunk.text.endswith("。") for chunk in chunks)
    assert all(len(chunk.text) <= 1700 for chunk in cut("x" * 50_000))


def test_a_paragraph_that_is_formatted_as_a_title_is_text() -> None:
    (chunk,) = cut("# Clinic\n\n## " + sentence("a", 40))
    assert (chunk.heading, chunk.text) == ("Clinic", sentence("a", 40))


WORDS = st.text("abcdefgh.!?, ", min_size=1, max_size=80)
BLOCKS = st.builds(
    lambda text, level: Block(" ".join(text.split()), level), WORDS, st.sampled_from([0, 0, 0, 0, 1, 2, 3, 6])
).filter(lambda block: block.text != "")
DOCUMENTS = st.builds(Document, st.just("name"), st.lists(BLOCKS, min_size=1, max_size=40).map(tuple))


@given(document=DOCUMENTS, aim=st.integers(8, 40), slack=st.integers(0, 20), overlap=st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_no_word_is_lost_and_no_piece_is_empty_or_too_large(
    document: Document, aim: int, slack: int, overlap: int
) -> None:
    chunks = split(document, Sizes(aim, slack, overlap))
    assert all(chunk.text == chunk.text.strip() != "" for chunk in chunks)
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert max(len(chunk.text.split()) for chunk in chunks) <= aim + max(slack, overlap)
    found = {word for chunk in chunks for word in chunk.content.split()}
    assert {word for block in document.blocks for word in block.text.split()} <= found


@given(document=DOCUMENTS, aim=st.integers(8, 40))
@settings(max_examples=100, deadline=None)
def test_without_overlap_the_pieces_are_the_document(document: Document, aim: int) -> None:
    plain = Document(document.title, tuple(Block(block.text) for block in document.blocks))
    pieces = [word for chunk in split(plain, Sizes(aim, overlap=0)) for word in chunk.text.split()]
    assert pieces == [word for block in plain.blocks for word in block.text.split()]
