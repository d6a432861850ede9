"""The catalogue: what an index holds, by document; kept until the index changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from assay.documents import Chunk
from assay.retrieval.titles import Form, Titles
from assay.stores.index import Index, Scope

COUNTED_READERS = 100
COUNTED_WORDS = 50_000


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The titles of all documents, and into how many chunks each is cut."""

    generation: int
    titles: Titles
    chunks: dict[str, int]
    named: dict[str, tuple[Form, ...]] = field(default_factory=dict)
    """What chunks name, by their ids, as far as it was asked."""
    counted: dict[frozenset[str], tuple[int, dict[str, int]]] = field(default_factory=dict)
    """By groups of readers: how many chunks they may see, and how many of these hold a word."""

    def names_in(self, chunk: Chunk) -> tuple[Form, ...]:
        """The titles that a chunk names, in order."""
        found = self.named.get(chunk.id)
        if found is None:
            found = self.named[chunk.id] = tuple(self.titles.named_in(chunk.text))
        return found

    @classmethod
    def of(cls, index: Index, generation: int) -> Catalogue:
        """Read it from an index."""
        listed = index.listing()
        return cls(
            generation,
            Titles((each.document, each.title) for each in listed),
            {each.document: each.chunks for each in listed},
        )

    def frequencies(self, index: Index, words: Iterable[str], groups: frozenset[str]) -> tuple[int, dict[str, int]]:
        """``index.frequencies`` of ``words`` for what ``groups`` may see; each is counted once. Raises StoreError."""
        asked = list(words)
        population, counts = self.counted.get(groups, (None, {}))
        fresh: dict[str, int] = {}
        missing = [word for word in asked if word not in counts]
        if missing or population is None:
            population, fresh = index.frequencies(missing, Scope(groups))
            if groups in self.counted or len(self.counted) < COUNTED_READERS:
                counts = self.counted.setdefault(groups, (population, {}))[1]
                if len(counts) + len(fresh) <= COUNTED_WORDS:
                    counts.update(fresh)
        return population, {word: fresh[word] if word in fresh else counts[word] for word in asked}


class Catalogued:
    """The catalogue of an index, read anew when the index has changed. For several threads."""

    def __init__(self, index: Index) -> None:
        self._index, self._lock = index, threading.Lock()
        self._known: Catalogue | None = None

    def current(self) -> Catalogue:
        """The catalogue of now. Blocks; raises StoreError."""
        generation = self._index.generation
        with self._lock:
            if self._known is None or self._known.generation != generation:
                self._known = Catalogue.of(self._index, generation)
            return self._known
