"""Chunks and vectors in one SQLite file: what the embedded index truly is.

Everything else in its folder is derived from this file. One transaction per ``apply`` writes
chunks, vectors and a new stamp: the generation and a random token. A derived part carries the
stamp that it was made from. It can catch up when that very stamp is in the file's history; a
file that was restored from a backup reaches the same generation with another token.

Rows are numbered in the order of their insertion and a number is never used twice, so that
"added since" is a range of numbers and a removed row needs only a tombstone.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assay.errors import StoreError
from assay.stores.chunk_view import Stamp, View
from assay.stores.chunk_writing import Writing
from assay.stores.failures import explained
from assay.stores.immutable import reading
from assay.stores.index import Change

BUSY_SECONDS = 30
_VERSION = 1
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
        with self._connection() as connection, immediate(connection):
            return Writing(connection).apply(changes)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own for the block; every SQLite error in the block is translated."""
        connection: sqlite3.Connection | None = None
        lasting = True
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                try:
                    connection = self._connect()
                except sqlite3.Error as error:
                    connection, lasting = reading(self._path, error), False
            yield connection
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
                connection = None
            raise explained(error, str(self._path)) from error
        finally:
            if connection is not None and lasting:
                self._idle.append(connection)
            elif connection is not None:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self._path.parent}: cannot be made: {error.strerror}") from error
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
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
            with immediate(connection):
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


@contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that writes from its beginning: committed at the end, rolled back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
