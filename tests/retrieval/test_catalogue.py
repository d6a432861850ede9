from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from assay.retrieval.catalogue import Catalogue
from assay.retrieval.titles import Titles
from assay.stores.index import Index, Scope


class Counting:
    """An index of which only the frequencies are asked; what the board sees counts double."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def frequencies(self, terms: Sequence[str], scope: Scope) -> tuple[int, dict[str, int]]:
        self.asked.append(list(terms))
        times = 2 if "board" in scope.groups else 1
        return 10 * times, {term: len(term) * times for term in terms}


def test_a_word_is_counted_once_for_each_kind_of_reader() -> None:
    index, catalogue = Counting(), Catalogue(1, Titles([]), {})
    everybody, board = frozenset({"public"}), frozenset({"public", "board"})
    asked = cast(Index, index)
    assert catalogue.frequencies(asked, ["a", "bb"], everybody) == (10, {"a": 1, "bb": 2})
    assert catalogue.frequencies(asked, ["bb"], everybody)[1]["bb"] == 2
    assert catalogue.frequencies(asked, ["bb", "ccc"], everybody)[1]["ccc"] == 3
    assert catalogue.frequencies(asked, ["bb"], board) == (20, {"bb": 4})
    assert index.asked == [["a", "bb"], ["ccc"], ["bb"]]
