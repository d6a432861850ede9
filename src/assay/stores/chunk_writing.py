"""The one transaction that changes the chunk table."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence

from assay.documents import Chunk
from assay.errors import InputError
from assay.stores.chunk_codec import batches, encoded
from assay.stores.index import Change, Entry
from assay.stores.scoping import access_terms_of, metadata_terms_of

_HISTORY = 1_000  # generations from which a derived part can catch up


class Writing:
    """One transaction's worth of changes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._labels: dict[bytes, int] = {}
        (self._generation, self._row) = connection.execute(
            "SELECT generation, last_row FROM generations ORDER BY generation DESC LIMIT 1"
        ).fetchone()

    def apply(self, changes: Sequence[Change]) -> bool:
        removed: list[tuple[int, int]] = []
        added: list[Entry] = []
        for change in changes:
            gone, new = self._difference(change)
            removed += gone
            added += new
        if not removed and not added:
            return False
        self._generation += 1
        self._remove(removed)
        self._add(added)
        self._forget_labels({label for _, label in removed})
        self._connection.execute(
            "INSERT INTO generations VALUES (?, ?, ?)",
            (self._generation, secrets.token_bytes(16), self._row),
        )
        oldest = (self._generation - _HISTORY,)
        self._connection.execute("DELETE FROM generations WHERE generation < ?", oldest)
        self._connection.execute("DELETE FROM tombstones WHERE generation <= ?", oldest)
        return True

    def _difference(self, change: Change) -> tuple[list[tuple[int, int]], list[Entry]]:
        """Rows (with their labels) that go, and entries that come; what is the same stays."""
        known = {
            id: (row, label, content, ordinal, payload, vector)
            for row, id, label, content, ordinal, payload, vector in self._connection.execute(
                "SELECT c.row, c.id, c.label, l.content, c.ordinal, p.payload, v.vector FROM chunks c"
                " JOIN labels l ON l.label = c.label JOIN payloads p ON p.row = c.row"
                " JOIN vectors v ON v.row = c.row WHERE c.document = ?",
                (change.document,),
            )
        }
        new: list[Entry] = []
        for entry in change.entries:
            before = known.get(entry.chunk.id)
            if before is not None and before[2:] == encoded(entry):
                del known[entry.chunk.id]
            else:
                new.append(entry)
        return [(row, label) for row, label, *_ in known.values()], new

    def _remove(self, removed: Sequence[tuple[int, int]]) -> None:
        rows = [(row,) for row, _ in removed]
        for table in ("chunks", "payloads", "vectors"):
            self._connection.executemany(f"DELETE FROM {table} WHERE row = ?", rows)
        self._connection.executemany(
            "INSERT INTO tombstones VALUES (?, ?)", [(row, self._generation) for row, _ in removed]
        )

    def _add(self, added: Sequence[Entry]) -> None:
        self._refuse_foreign([entry.chunk.id for entry in added])
        chunks, payloads, vectors = [], [], []
        for entry in added:
            self._row += 1
            content, ordinal, payload, vector = encoded(entry)
            label = self._label(content, entry.chunk)
            chunks.append((self._row, entry.chunk.id, entry.chunk.document, ordinal, label))
            payloads.append((self._row, payload))
            vectors.append((self._row, vector))
        self._connection.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", chunks)
        self._connection.executemany("INSERT INTO payloads VALUES (?, ?)", payloads)
        self._connection.executemany("INSERT INTO vectors VALUES (?, ?)", vectors)

    def _refuse_foreign(self, ids: Sequence[str]) -> None:
        """An id that is still there after the removals belongs to a document that was not named."""
        for batch, marks in batches(ids):
            query = f"SELECT id, document FROM chunks WHERE id IN ({marks}) LIMIT 1"
            for id, document in self._connection.execute(query, batch):
                raise InputError(f"chunk {id!r} belongs to document {document!r}; ids of chunks are unique")

    def _label(self, content: bytes, chunk: Chunk) -> int:
        known = self._labels.get(content)
        if known is not None:
            return known
        found = self._connection.execute("SELECT label FROM labels WHERE content = ?", (content,)).fetchone()
        if found is None:
            found = self._connection.execute(
                "INSERT INTO labels (content) VALUES (?) RETURNING label", (content,)
            ).fetchone()
            label = int(found[0])
            for table, terms in (
                ("access_terms", access_terms_of(chunk)),
                ("metadata_terms", metadata_terms_of(chunk)),
            ):
                self._connection.executemany(
                    f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", [(term, label) for term in terms]
                )
        self._labels[content] = int(found[0])
        return int(found[0])

    def _forget_labels(self, labels: Iterable[int]) -> None:
        """Labels that no chunk has any more: the metadata of what was deleted is not kept."""
        for label in labels:
            if self._connection.execute("SELECT 1 FROM chunks WHERE label = ? LIMIT 1", (label,)).fetchone():
                continue
            content = self._connection.execute("SELECT content FROM labels WHERE label = ?", (label,)).fetchone()
            access, metadata = json.loads(content[0].decode("utf-8", "surrogatepass"))
            probe = Chunk("", "", 0, 0, 0, "", "", access=tuple(access), metadata=metadata)
            for table, terms in (
                ("access_terms", access_terms_of(probe)),
                ("metadata_terms", metadata_terms_of(probe)),
            ):
                self._connection.executemany(
                    f"DELETE FROM {table} WHERE term = ? AND label = ?", [(term, label) for term in terms]
                )
            self._connection.execute("DELETE FROM labels WHERE label = ?", (label,))
