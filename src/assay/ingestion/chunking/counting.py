"""Counting tokens of any span of a text without tokenizing it again.

A text is cut once into words and single marks, where the tokenizers of embedding models cut
too; the tokens of each different word are counted once for all texts. A span's tokens are
then a difference of two sums. For WordPiece this is exact; for others it errs by the few
tokens that straddle a word's edge, so ``Counter.fitting`` checks what comes close to a limit.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

# One character of the scripts that are written without spaces, a run of others, or a mark.
_WORD = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]|\\w{1,24}|[^\\w\\s]")
_KNOWN = 500_000
_EDGE = 0.85


@dataclass(frozen=True, slots=True)
class Counted:
    """A text's words: where each begins and ends, and how many tokens come before it."""

    starts: array[int]
    ends: array[int]
    before: array[int]

    def tokens(self, start: int, end: int) -> int:
        """Tokens of the words that begin in the half-open span."""
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return self.before[last] - self.before[first]

    def fit(self, start: int, end: int, limit: int) -> int:
        """The furthest end of a word, at most ``end``, so that the span has at most ``limit`` tokens.

        At least one word, so that cutting always advances.
        """
        first = bisect_left(self.starts, start)
        last = bisect_right(self.before, self.before[first] + limit) - 1
        last = max(first + 1, min(last, bisect_left(self.starts, end)))
        return self.ends[min(last, len(self.ends)) - 1]

    def back(self, start: int, end: int, limit: int) -> int:
        """The earliest beginning of a word after ``start`` so that up to ``end`` there are at most
        ``limit`` tokens; ``end`` when there is none."""
        last = bisect_left(self.starts, end)
        first = bisect_left(self.before, self.before[last] - limit)
        first = max(first, bisect_right(self.starts, start))
        return self.starts[first] if first < last else end

    def next_word(self, position: int) -> int | None:
        """Where the first word at or after a position begins."""
        at = bisect_left(self.starts, position)
        return self.starts[at] if at < len(self.starts) else None


class Counter:
    """Counts by a tokenizer's ``count``; remembers the words that it has seen."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Tokens of a text as the tokenizer counts them."""
        return self._count(text)

    def counted(self, text: str) -> Counted:
        """The words of a text with their tokens."""
        # Arrays, not lists: a text of 50 MB has ten million words.
        starts, ends, costs, known = array("I"), array("I"), array("I"), self._known
        for found in _WORD.finditer(text):
            word = found[0]
            starts.append(found.start())
            ends.append(found.end())
            cost = known.get(word)
            if cost is None:
                cost = known[word] = max(1, self._count(word))
            costs.append(cost)
        if len(known) > _KNOWN:
            known.clear()
        return Counted(starts, ends, array("Q", accumulate(costs, initial=0)))

    def fitting(self, text: str, counted: Counted, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
        """The span, cut in two between words as often as the tokenizer itself finds it too long."""
        tokens = counted.tokens(start, end)
        if tokens <= _EDGE * limit or self._count(text[start:end]) <= limit:
            yield start, end
            return
        middle = counted.fit(start, end, max(1, tokens // 2))
        following = counted.next_word(middle)
        if following is None or following >= end:
            yield start, end
            return
        yield from self.fitting(text, counted, start, middle, limit)
        yield from self.fitting(text, counted, following, end, limit)
