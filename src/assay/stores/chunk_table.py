"""Chunks and vectors in one SQLite file: what the embedded index truly is.

Everything else in its folder is derived from this file. One transaction per ``apply`` writes
chunks, vectors and a new stamp: the generation and a random token. A derived part carries the
stamp that it was made from. It can catch up when that very stamp is in the file's history; a
file that was restored from a backup reaches the same generation with another token.

Rows are numbered in the order of their insertion and a number is never used twice, so that
"added since" is a range of numbers and a removed row needs only a tombstone.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.documents import Chunk
from assay.errors import InputError, StoreError
from assay.stores.failures import explained
from assay.stores.index import Change, Entry, Scope
from assay.stores.scoping import (
    access_terms_of,
    admits,
    group_terms,
    is_unicode,
    metadata_terms_of,
    where_terms,
)

BUSY_SECONDS = 30
_VERSION = 1
_HISTORY = 1_000  # generations from which a derived part can catch up
_BATCH = 1_000
_APPLICATION = 0x41535359  # "ASSY": tells an index from any other SQLite file

_TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE generations (generation INTEGER PRIMARY KEY, token BLOB NOT NULL, last_row INTEGER NOT NULL);
CREATE TABLE chunks (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL,
                     ordinal INTEGER NOT NULL, label INTEGER NOT NULL);
CREATE INDEX chunks_document ON chunks (document, ordinal);
CREATE INDEX chunks_label ON chunks (label);
CREATE TABLE payloads (row INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE tombstones (row INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE INDEX tombstones_generation ON tombstones (generation);
CREATE TABLE labels (label INTEGER PRIMARY KEY AUTOINCREMENT, content BLOB NOT NULL UNIQUE);
CREATE TABLE access_terms (term TEXT, label INTEGER, PRIMARY KEY (term, label)) WITHOUT ROWID;
CREATE TABLE metadata_terms (term TEXT, label INTEGER, PRIMARY KEY (term, label)) WITHOUT ROWID;
"""


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
                "SELECT row, label, vector FROM chunks JOIN vectors USING (row) WHERE row > ?"
                " ORDER BY row LIMIT 4096",
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
            found = self._select("WHERE c.row > ? ORDER BY c.row LIMIT ?", (after, _BATCH))
            yield from found
            if len(found) < _BATCH:
                return
            after = found[-1][0]

    def chunks(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """The chunks in these rows, by row number; a number that is not in use is left out."""
        return dict(self._select_in("c.row", rows))

    def ids(self, rows: Sequence[int]) -> dict[int, str]:
        """Only the ids of the chunks in these rows."""
        found: dict[int, str] = {}
        for batch, marks in _batches(rows):
            found.update(self._connection.execute(f"SELECT row, id FROM chunks WHERE row IN ({marks})", batch))
        return found

    def read(self, ids: Sequence[str], scope: Scope) -> list[Chunk]:
        known = {chunk.id: chunk for _, chunk in self._select_in("c.id", [i for i in ids if is_unicode(i)])}
        return [known[id] for id in ids if id in known and admits(scope, known[id])]

    def document(self, document: str, scope: Scope) -> list[Chunk]:
        if not is_unicode(document):
            return []
        found = self._select("WHERE c.document = ? ORDER BY c.ordinal, c.id", (document,))
        return [chunk for _, chunk in found if admits(scope, chunk)]

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of these chunks by id; an unknown id is left out."""
        found: dict[str, NDArray[np.float32]] = {}
        for batch, marks in _batches([id for id in ids if is_unicode(id)]):
            query = f"SELECT id, vector FROM chunks JOIN vectors USING (row) WHERE id IN ({marks})"
            for id, blob in self._connection.execute(query, batch):
                found[id] = np.frombuffer(blob, dtype="<f4")
        return found

    def labels(self, scope: Scope) -> NDArray[np.int32] | None:
        """The labels whose groups and metadata the scope admits; None when it admits all of them."""
        groups = group_terms(scope)
        access = " OR ".join(["term = ?"] * len(groups)) or "0"
        query = f"SELECT DISTINCT label FROM access_terms WHERE {access}"
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
        for batch, marks in _batches(sorted(d for d in documents if is_unicode(d))):
            query = f"SELECT row FROM chunks WHERE document IN ({marks})"
            found.extend(row for (row,) in self._connection.execute(query, batch))
        return np.array(sorted(found), np.int64)

    def documents(self) -> dict[str, str]:
        """Chunk id to document id, of all chunks that have their text."""
        query = "SELECT id, document FROM chunks JOIN payloads USING (row)"
        return dict(self._connection.execute(query).fetchall())

    def ids_by_row(self) -> dict[int, str]:
        return dict(self._connection.execute("SELECT row, id FROM chunks").fetchall())

    def _select_in(self, column: str, values: Sequence[int] | Sequence[str]) -> list[tuple[int, Chunk]]:
        found: list[tuple[int, Chunk]] = []
        for batch, marks in _batches(values):
            found += self._select(f"WHERE {column} IN ({marks})", batch)
        return found

    def _select(self, condition: str, values: Sequence[int | str]) -> list[tuple[int, Chunk]]:
        found = self._connection.execute(
            "SELECT c.row, c.id, c.document, c.ordinal, p.payload, l.content FROM chunks c"
            " JOIN payloads p ON p.row = c.row JOIN labels l ON l.label = c.label " + condition,
            values,
        )
        return [(row, _decoded(id, document, ordinal, *rest)) for row, id, document, ordinal, *rest in found]


class ChunkTable:
    """The SQLite file of one index. Safe for use from several threads."""

    def __init__(self, path: Path, dimensions: int) -> None:
        """Opens the file, or makes it with room for vectors of ``dimensions``.

        Raises StoreError when it cannot be opened, is not an index, was written by a newer
        version, or holds vectors of another size.
        """
        self._path, self._dimensions = path, dimensions
        self._idle: list[sqlite3.Connection] = []
        with self._connection() as connection:
            self._prepare(connection)

    @contextmanager
    def view(self) -> Iterator[View]:
        """The latest committed state. Raises StoreError."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield View(connection, self._dimensions)
            finally:
                connection.execute("ROLLBACK")

    def stamp(self) -> Stamp:
        """The latest committed state's name."""
        with self.view() as view:
            return view.stamp

    def apply(self, changes: Sequence[Change]) -> bool:
        """All changes in one transaction; False when the table held exactly this already.

        Raises StoreError, and InputError when a chunk's id belongs to another document.
        """
        with self._connection() as connection, _immediate(connection):
            return _Writing(connection).apply(changes)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own for the block; every SQLite error in the block is translated."""
        connection: sqlite3.Connection | None = None
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            yield connection
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
                connection = None
            raise explained(error, str(self._path)) from error
        finally:
            if connection is not None:
                self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self._path.parent}: cannot be made: {error.strerror}") from error
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            with _immediate(connection):
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    self._create(connection)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION:
            raise StoreError(f"{self._path}: is a database of something else; name another folder")
        if version != _VERSION:
            mend = "upgrade Assay" if version > _VERSION else "delete the folder and ingest again"
            raise StoreError(f"{self._path}: has version {version}, this Assay knows {_VERSION}; {mend}")
        (found,) = connection.execute("SELECT value FROM settings WHERE name = 'dimensions'").fetchone()
        if int(found) != self._dimensions:
            raise StoreError(
                f"{self._path}: holds vectors of {found} dimensions, not {self._dimensions}; "
                "delete the folder and ingest again, or name the embedder that it was built with"
            )

    def _create(self, connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{self._path}: is a database of something else; name another folder")
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute("INSERT INTO settings VALUES ('dimensions', ?)", (str(self._dimensions),))
        connection.execute("INSERT INTO generations VALUES (0, ?, 0)", (secrets.token_bytes(16),))
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")


class _Writing:
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
            if before is not None and before[2:] == _encoded(entry):
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
            content, ordinal, payload, vector = _encoded(entry)
            label = self._label(content, entry.chunk)
            chunks.append((self._row, entry.chunk.id, entry.chunk.document, ordinal, label))
            payloads.append((self._row, payload))
            vectors.append((self._row, vector))
        self._connection.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", chunks)
        self._connection.executemany("INSERT INTO payloads VALUES (?, ?)", payloads)
        self._connection.executemany("INSERT INTO vectors VALUES (?, ?)", vectors)

    def _refuse_foreign(self, ids: Sequence[str]) -> None:
        """An id that is still there after the removals belongs to a document that was not named."""
        for batch, marks in _batches(ids):
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


@contextmanager
def _immediate(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _encoded(entry: Entry) -> tuple[bytes, int, bytes, bytes]:
    """Label, ordinal, payload and vector as they are stored; equal exactly when the entries are.

    JSON as bytes rather than columns of text: a text may hold lone surrogates, which SQLite's
    text cannot, and positions must not shift.
    """
    chunk = entry.chunk
    return (
        _json([list(chunk.access), dict(chunk.metadata)]),
        chunk.ordinal,
        _json([chunk.start, chunk.end, chunk.text, chunk.title, list(chunk.headings), chunk.page]),
        np.ascontiguousarray(entry.vector, dtype="<f4").tobytes(),
    )


def _decoded(id: str, document: str, ordinal: int, payload: bytes, label: bytes) -> Chunk:
    start, end, text, title, headings, page = json.loads(payload.decode("utf-8", "surrogatepass"))
    access, metadata = json.loads(label.decode("utf-8", "surrogatepass"))
    return Chunk(
        id, document, ordinal, start, end, text, title, tuple(headings), page, tuple(access), metadata
    )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _batches(values: Sequence[int] | Sequence[str]) -> Iterator[tuple[Sequence[int | str], str]]:
    """Values in pieces that fit a statement, each with its question marks."""
    for at in range(0, len(values), _BATCH):
        batch = values[at : at + _BATCH]
        yield batch, ",".join("?" * len(batch))
