"""One committed state of the chunk table, as its readers see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.documents import Chunk
from assay.stores.chunk_codec import BATCH, batches, decoded, title_of
from assay.stores.index import Listing, Scope
from assay.stores.scoping import admits, group_terms, is_unicode, where_terms


@dataclass(frozen=True, slots=True)
class Stamp:
    """Names one committed state of the table."""

    generation: int
    token: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in order of their number: numbers (n,), labels (n,) and vectors (n, d)."""

    numbers: NDArray[np.int64]
    labels: NDArray[np.int32]
    vectors: NDArray[np.float32]


class View:
    """One committed state, unchanged for as long as the view is open."""

    def __init__(self, connection: sqlite3.Connection, dimensions: int) -> None:
        self._connection, self._dimensions = connection, dimensions
        generation, token, self.last_row = connection.execute(
            "SELECT generation, token, last_row FROM generations ORDER BY generation DESC LIMIT 1"
        ).fetchone()
        self.stamp = Stamp(generation, token)

    def last_row_at(self, stamp: Stamp) -> int | None:
        """The last row number given out at an earlier state; None if it is not in this history."""
        found = self._connection.execute(
            "SELECT last_row FROM generations WHERE generation = ? AND token = ?",
            (stamp.generation, stamp.token),
        ).fetchone()
        return None if found is None else int(found[0])

    def count(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM chunks").fetchone()[0])

    def rows(self, after: int = 0) -> Iterator[Rows]:
        """All rows with a number above ``after``, in blocks."""
        while True:
            found = self._connection.execute(
                "SELECT row, label, vector FROM chunks JOIN vectors USING (row) WHERE row > ? ORDER BY row LIMIT 4096",
                (after,),
            ).fetchall()
            if not found:
                return
            numbers, labels, blobs = zip(*found, strict=True)
            vectors = np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(blobs), self._dimensions)
            yield Rows(np.array(numbers, np.int64), np.array(labels, np.int32), vectors)
            after = int(numbers[-1])

    def removed(self, stamp: Stamp, last_row: int) -> NDArray[np.int64]:
        """Numbers up to ``last_row`` of rows removed after ``stamp``, ascending."""
        found = self._connection.execute(
            "SELECT row FROM tombstones WHERE generation > ? AND row <= ? ORDER BY row",
            (stamp.generation, last_row),
        )
        return np.array([row for (row,) in found], np.int64)

    def chunks_after(self, after: int) -> Iterator[tuple[int, Chunk]]:
        """All chunks with a row number above ``after``, with that number, ascending."""
        while True:
            found = self._select("WHERE c.row > ? ORDER BY c.row LIMIT ?", (after, BATCH))
            yield from found
            if len(found) < BATCH:
                return
            after = found[-1][0]

    def chunks(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """The chunks in these rows, by row number; a number that is not in use is left out."""
        return dict(self._select_in("c.row", rows))

    def ids(self, rows: Sequence[int]) -> dict[int, str]:
        """Only the ids of the chunks in these rows."""
        found: dict[int, str] = {}
        for batch, marks in batches(rows):
            found.update(self._connection.execute(f"SELECT row, id FROM chunks WHERE row IN ({marks})", batch))
        return found

    def read(self, ids: Sequence[str], scope: Scope | None) -> list[Chunk]:
        known = {chunk.id: chunk for _, chunk in self._select_in("c.id", [i for i in ids if is_unicode(i)])}
        return [known[id] for id in ids if id in known and (scope is None or admits(scope, known[id]))]

    def document(self, document: str, scope: Scope) -> list[Chunk]:
        if not is_unicode(document):
            return []
        found = self._select("WHERE c.document = ? ORDER BY c.ordinal, c.id", (document,))
        return [chunk for _, chunk in found if admits(scope, chunk)]

    def rows_by_id(self, ids: Sequence[str]) -> dict[str, int]:
        """The row numbers of these chunks by id; an unknown id is left out."""
        found: dict[str, int] = {}
        for batch, marks in batches([id for id in ids if is_unicode(id)]):
            found.update(self._connection.execute(f"SELECT id, row FROM chunks WHERE id IN ({marks})", batch))
        return found

    def labels(self, scope: Scope) -> NDArray[np.int32] | None:
        """The labels whose groups and metadata the scope admits; None when it admits all of them."""
        groups = group_terms(scope)
        marks = ",".join("?" * len(groups))
        query = f"SELECT DISTINCT label FROM access_terms WHERE term IN ({marks})"
        values = list(groups)
        for wanted in where_terms(scope):
            query += " INTERSECT SELECT label FROM metadata_terms WHERE term = ?"
            values.append(wanted)
        found = [label for (label,) in self._connection.execute(query, values)]
        (all_labels,) = self._connection.execute("SELECT count(*) FROM labels").fetchone()
        return None if len(found) == all_labels else np.array(found, np.int32)

    def rows_of(self, documents: Iterable[str]) -> NDArray[np.int64]:
        """The row numbers of these documents' chunks, ascending."""
        found: list[int] = []
        for batch, marks in batches(sorted(d for d in documents if is_unicode(d))):
            query = f"SELECT row FROM chunks WHERE document IN ({marks})"
            found.extend(row for (row,) in self._connection.execute(query, batch))
        return np.array(sorted(found), np.int64)

    def listing(self) -> list[Listing]:
        """Every document with its title and how many chunks it has, in order of its id."""
        query = (
            "SELECT document, payload, n FROM (SELECT document, min(row) AS row, count(*) AS n FROM chunks"
            " GROUP BY document) JOIN payloads USING (row) ORDER BY document"
        )
        return [Listing(document, title_of(payload), n) for document, payload, n in self._connection.execute(query)]

    def documents(self) -> dict[str, str]:
        """Chunk id to document id, of all chunks that have their text."""
        query = "SELECT id, document FROM chunks JOIN payloads USING (row)"
        return dict(self._connection.execute(query).fetchall())

    def ids_by_row(self) -> dict[int, str]:
        return dict(self._connection.execute("SELECT row, id FROM chunks").fetchall())

    def _select_in(self, column: str, values: Sequence[int] | Sequence[str]) -> list[tuple[int, Chunk]]:
        found: list[tuple[int, Chunk]] = []
        for batch, marks in batches(values):
            found += self._select(f"WHERE {column} IN ({marks})", batch)
        return found

    def _select(self, condition: str, values: Sequence[int | str]) -> list[tuple[int, Chunk]]:
        found = self._connection.execute(
            "SELECT c.row, c.id, c.document, c.ordinal, p.payload, l.content FROM chunks c"
            " JOIN payloads p ON p.row = c.row JOIN labels l ON l.label = c.label " + condition,
            values,
        )
        return [(row, decoded(id, document, ordinal, *rest)) for row, id, document, ordinal, *rest in found]
