"""The port of a search index, and its vocabulary.

An index holds chunks, each with a vector and its text, and answers two kinds of query:
dense (cosine of unit vectors) and lexical (BM25 over title, headings and text). Access
groups and metadata filters are part of the query, so that a chunk that may not be read
is never a candidate, not even one that is dropped later.

An index knows nothing of sources or of what has been ingested: that is the ledger's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.documents import PUBLIC, Chunk, Scalar

Vector: TypeAlias = NDArray[np.float32]
"""One unit vector of the index's dimension: shape (d,), float32."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A chunk with its unit vector."""

    chunk: Chunk
    vector: Vector


@dataclass(frozen=True, slots=True)
class Change:
    """All entries that a document has from now on; none removes the document."""

    document: str
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be found: chunks that share a group with ``groups`` and have every value in ``where``.

    ``documents`` narrows further to these document ids when it is not None.
    """

    groups: frozenset[str] = frozenset({PUBLIC})
    where: Mapping[str, Scalar] = field(default_factory=dict)
    documents: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Dense:
    """Nearest by cosine."""

    vector: Vector
    k: int
    scope: Scope = Scope()


@dataclass(frozen=True, slots=True)
class Lexical:
    """Best by BM25; ``text`` is a question in plain words, never a query language."""

    text: str
    k: int
    scope: Scope = Scope()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk and its score: a cosine for dense queries, BM25 for lexical ones."""

    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True)
class Inventory:
    """What each part of the index really holds, read from the parts and not from a summary.

    ``chunks`` maps chunk id to document id. ``vectors`` and ``lexical`` are the chunk ids
    that each side can find. ``generation`` grows with every applied change.
    """

    chunks: Mapping[str, str]
    vectors: frozenset[str]
    lexical: frozenset[str]
    generation: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A document that the index holds, and into how many chunks it is cut."""

    document: str
    title: str
    chunks: int


class Index(Protocol):
    """A search index. Methods block; callers on an event loop run them in a thread.

    Safe for use from several threads. Several processes may search while one applies;
    a search that starts after ``apply`` has returned, in any process, sees the change.
    """

    @property
    def generation(self) -> int:
        """Grows with every applied change, seen alike by every process."""
        ...

    def apply(self, changes: Sequence[Change]) -> None:
        """Replace the entries of each named document. All of it or nothing; idempotent.

        Raises StoreError when the store cannot be written; nothing has changed then.
        """
        ...

    def search(self, query: Dense | Lexical) -> list[Hit]:
        """At most ``query.k`` hits, best first; equal scores in order of chunk id."""
        ...

    def read(self, ids: Sequence[str], scope: Scope | None) -> list[Chunk]:
        """The chunks with these ids that the scope admits, in the order asked; others are left out.

        None is the owner's view, whoever may read; never for an answer.
        """
        ...

    def document(self, document: str, scope: Scope) -> list[Chunk]:
        """A document's chunks in order of ``ordinal``; none if it is absent or may not be read."""
        ...

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of these chunks, shape (len(ids), d); raises NotFound for an unknown id."""
        ...

    def frequencies(self, terms: Sequence[str], scope: Scope) -> tuple[int, dict[str, int]]:
        """Number of chunks that the scope admits, and for each raw word how many of them hold it (by the
        index's own analysis). What a reader may not see must not weigh in what is told to him."""
        ...

    def listing(self) -> list[Listing]:
        """Every document, whoever may read it, in order of its id. Not for showing to a reader."""
        ...

    def inventory(self) -> Inventory:
        """For verification; reads everything."""
        ...

    def repair(self) -> None:
        """Rebuild whatever is derived from the stored chunks and vectors."""
        ...

    def drop(self) -> None:
        """Delete the index and everything it stored."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
