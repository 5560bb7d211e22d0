"""What can be said of recognised words without a model: whether they sound finished, whether two texts are the same."""

from __future__ import annotations

__all__ = ["has_more_to_say", "is_finished", "same_words"]

_WANT_MORE = frozenset(
    """a an the this that these those my your his her its our their some any no every each
    and or but so because if when while although unless until whether than as that which who whose where
    of to in on at by for with from about into onto over under between through during without within against
    i you he she we they it i'm you're we're they're i'd i'll i've it's there's that's
    is are was were am be been being do does did have has had can could will would shall should may might must
    not very really just also maybe like
    um uh umm uhh uhm er erm hmm""".split()
)
"""English words that mostly want another after them, and sounds of thinking."""


def has_more_to_say(text: str) -> bool:
    """Tell whether a text stops at a word that mostly wants another (a, and, to ...), or at a sound of thinking.

    "Thank you" is whole, though other sentences that stop at "you" mostly are not. Knows English only.
    """
    words = text.lower().split()
    if not words:
        return True
    last = words[-1].strip(".,?!…")
    return last in _WANT_MORE and not (last == "you" and words[-2:-1] == ["thank"])


def is_finished(text: str) -> bool:
    """Tell whether a text reads like a whole sentence: it ends in . ? or !, and not with a word that wants another."""
    return text.rstrip().endswith((".", "?", "!")) and not has_more_to_say(text)


def same_words(left: str, right: str) -> bool:
    """Tell whether two texts differ in case, spaces and punctuation at most."""
    return [*filter(str.isalnum, left.lower())] == [*filter(str.isalnum, right.lower())]
