"""The journal: nothing is sent twice on a connection, nothing is lost while it fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.audio import AudioFormat
from pyai_voice.journal import Journal, Mark

FORMAT = AudioFormat(8000)


def journal(seconds: float = 1.0) -> Journal:
    return Journal(FORMAT, seconds)


def everything(book: Journal) -> list[bytes | str]:
    sent: list[bytes | str] = []
    while (item := book.next(100)) is not None:
        sent.append("commit" if isinstance(item, Mark) else item)
    return sent


def test_audio_comes_out_as_it_went_in_with_commits_in_their_places() -> None:
    book = journal()
    book.append(b"ab" * 30)
    assert book.mark()
    book.append(b"cd" * 10)
    assert everything(book) == [b"ab" * 30, "commit", b"cd" * 10]
    assert book.unsent == 0


def test_a_message_ends_at_its_size_and_at_a_commit() -> None:
    book = journal()
    book.append(b"ab" * 25)
    assert book.next(40) == b"ab" * 20
    assert book.mark()
    book.append(b"cd" * 15)
    assert book.next(40) == b"ab" * 5
    assert isinstance(book.next(40), Mark)
    assert book.next(40) == b"cd" * 15
    assert book.next(40) is None


def test_a_commit_needs_audio_since_the_last_commit_or_final() -> None:
    book = journal()
    assert not book.mark()
    book.append(b"ab")
    assert book.mark()
    assert not book.mark()
    everything(book)
    book.answered()
    book.confirm(2)
    assert not book.mark()
    book.append(b"cd")
    assert book.mark()


def test_a_new_connection_gets_what_is_not_confirmed_and_the_commits_again() -> None:
    book = journal()
    book.append(b"ab" * 30)
    book.mark()
    book.append(b"cd" * 10)
    everything(book)
    book.confirm(20)
    assert book.rewind() == 0
    assert everything(book) == [b"ab" * 20, "commit", b"cd" * 10]
    assert book.sent_seconds == FORMAT.seconds(80)


def test_a_commit_whose_audio_is_confirmed_counts_as_answered_after_a_reconnect() -> None:
    book = journal()
    book.append(b"ab" * 30)
    book.mark()
    everything(book)
    book.confirm(1000)
    assert book.rewind() == 1
    assert not book.marks


def test_what_an_earlier_connection_got_can_be_confirmed_before_the_next_one_gets_it() -> None:
    book = journal()
    book.append(b"ab" * 30)
    book.next(40)
    book.rewind()
    book.confirm(1000)
    assert everything(book) == [b"ab" * 10]


def test_an_answer_forgets_the_oldest_sent_commit_only() -> None:
    book = journal()
    book.answered()
    book.append(b"ab")
    book.mark()
    book.answered()  # not sent yet: it cannot be its answer
    assert len(book.marks) == 1
    everything(book)
    book.answered()
    assert not book.marks


def test_when_it_is_full_the_oldest_goes_and_only_unsent_audio_counts_as_lost() -> None:
    book = journal(0.01)  # 160 bytes
    assert book.append(b"a" * 160) == 0
    everything(book)
    assert book.append(b"b" * 100) == 0
    assert book.append(b"c" * 160) == 100
    assert everything(book) == [b"c" * 100, b"c" * 60]


def test_while_nobody_speaks_only_the_end_is_kept() -> None:
    book = journal()
    book.append(b"a" * 100)
    everything(book)
    book.append(b"b" * 50)
    book.forget_sent(70)
    assert book.start == 80
    book.forget_sent(10)
    assert book.start == 100  # never what was not sent
    assert everything(book) == [b"b" * 50]
    assert book.tail(20) == b"b" * 20
    assert book.tail(10_000) == b"b" * 50


actions = st.lists(
    st.one_of(
        st.binary(min_size=0, max_size=40).map(lambda pcm: pcm[: len(pcm) // 2 * 2]),
        st.sampled_from(["mark", "send", "reconnect", "answer"]),
        st.integers(0, 400).map(lambda n: n * 2),
    ),
    max_size=60,
)


@given(actions)
def test_each_connection_gets_the_stream_from_its_start_without_hole_or_repeat(
    schedule: list[bytes | str | int],
) -> None:
    book = journal(10.0)
    stream = b""
    base, got = 0, b""
    for action in schedule:
        match action:
            case bytes():
                assert book.append(action) == 0
                stream += action
            case "mark":
                book.mark()
            case "send":
                item = book.next(16)
                got += item if isinstance(item, bytes) else b""
            case "answer":
                book.answered()
            case "reconnect":
                book.rewind()
                base, got = book.start, b""
            case int():
                book.confirm(action)
                if book.start > base + len(got):  # confirmed on an earlier connection: not sent again on this one
                    base, got = book.start, b""
        assert stream[base : base + len(got)] == got
        assert book.start <= book.cursor == base + len(got) <= book.end == len(stream)
