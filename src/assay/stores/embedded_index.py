"""The index that needs no server: SQLite for what is true, a matrix and tantivy derived from it.

``apply`` writes only SQLite. A search compares the table's stamp with that of the part it needs
and brings that part up to date first, so that a change made by any process is visible to every
search that starts later, and a process killed at any point leaves nothing to clean up.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.documents import Chunk
from assay.errors import NotFound, StoreError
from assay.stores import lexical
from assay.stores.changes import check_changes, check_query
from assay.stores.chunk_cache import ChunkCache
from assay.stores.chunk_table import ChunkTable
from assay.stores.chunk_view import Stamp, View
from assay.stores.damage import DamagedIndex
from assay.stores.index import Change, Dense, Hit, Inventory, Lexical, Listing, Scope
from assay.stores.lexical_directory import LexicalDirectory
from assay.stores.matrix import Matrix

_TABLE = "index.sqlite"
_OWN = (f"{_TABLE}*", "matrix.*", "lexical.lock", "lexical", "lexical.*.new", "lexical.*.old")


class _Snapshot(Protocol):
    @property
    def stamp(self) -> Stamp: ...


_S_co = TypeVar("_S_co", bound=_Snapshot, covariant=True)
_S = TypeVar("_S", bound=_Snapshot)
_T = TypeVar("_T")


class _Part(Protocol[_S_co]):
    """Something derived from the table: the matrix or the lexical directory."""

    @property
    def current(self) -> _S_co | None: ...

    def deriving(self) -> AbstractContextManager[None]: ...

    def derive(self, view: View) -> _S_co: ...

    def rebuild(self, view: View) -> _S_co: ...


class EmbeddedIndex:
    """An ``Index`` in a folder. Several threads and processes may use it at once, on one machine."""

    def __init__(self, directory: Path, dimensions: int) -> None:
        """Opens the index in ``directory``, or makes an empty one for vectors of ``dimensions``.

        Raises StoreError when the folder cannot be written, or holds another kind of index.
        """
        self._directory, self._dimensions = directory, dimensions
        self._table = ChunkTable(directory / _TABLE, dimensions)
        self._matrix = Matrix(directory, dimensions)
        self._lexical = LexicalDirectory(directory)
        self._chunks = ChunkCache()
        self._applied = False

    @property
    def generation(self) -> int:
        return self._table.stamp().generation

    def apply(self, changes: Sequence[Change]) -> None:
        """As the port says. Changes that the index holds already leave the generation as it is.

        Raises InputError for entries that cannot be held: see ``stores.changes``.
        """
        check_changes(changes, self._dimensions)
        if self._table.apply(changes):
            self._applied = True

    def search(self, query: Dense | Lexical) -> list[Hit]:
        if isinstance(query, Dense):
            check_query(query, self._dimensions)
            return self._healing(self._matrix, lambda: self._dense(query))
        return self._healing(self._lexical, lambda: self._best(query))

    def read(self, ids: Sequence[str], scope: Scope | None) -> list[Chunk]:
        with self._table.view() as view:
            return view.read(ids, scope)

    def document(self, document: str, scope: Scope) -> list[Chunk]:
        with self._table.view() as view:
            return view.document(document, scope)

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        def read() -> NDArray[np.float32]:
            with self._latest(self._matrix) as (view, snapshot):
                rows = self._chunks.rows(ids)
                alive = snapshot.alive_among(np.fromiter(rows.values(), np.int64, len(rows)))
                if len(rows) < len(ids) or not alive.all():
                    rows = view.rows_by_id(ids)
                for id in ids:
                    if id not in rows:
                        raise NotFound(f"{self._directory}: no chunk {id!r}")
                return snapshot.vectors_of(np.array([rows[id] for id in ids], np.int64))

        return self._healing(self._matrix, read)

    def frequencies(self, terms: Sequence[str], scope: Scope) -> tuple[int, dict[str, int]]:
        """As the port says. A word that analysis splits counts where all its parts occur; a word of
        which nothing is left counts everywhere."""
        analysis = lexical.analyzer()

        def count() -> tuple[int, dict[str, int]]:
            with self._latest(self._lexical) as (view, snapshot):
                within = None if _admits_all(view, scope) else scope
                total = snapshot.count(within) if within else view.count()
                parts = {term: lexical.words(analysis, term) for term in terms}
                return total, {t: snapshot.frequency(p, within) if p else total for t, p in parts.items()}

        return self._healing(self._lexical, count)

    def listing(self) -> list[Listing]:
        with self._table.view() as view:
            return view.listing()

    def inventory(self) -> Inventory:
        with self._latest(self._matrix) as (view, snapshot):
            names = view.ids_by_row()
            vectors = [names.get(row, f"row {row}") for row in snapshot.sound_rows(view)]
            chunks, generation = view.documents(), view.stamp.generation
        lexical_ids = self._healing(self._lexical, self._lexical_ids)
        return Inventory(chunks, frozenset(vectors), frozenset(lexical_ids), generation)

    def refresh(self) -> None:
        """Bring the derived parts up to date now, so that the next search, in any process, need not."""
        with self._latest(self._matrix):
            pass
        with self._latest(self._lexical):
            pass
        self._applied = False

    def repair(self) -> None:
        with self._matrix.deriving(), self._table.view() as view:
            self._matrix.rebuild(view)
        with self._lexical.deriving(), self._table.view() as view:
            self._lexical.rebuild(view)

    def drop(self) -> None:
        """Deletes what this class has put into the folder, and the folder if nothing else is in it."""
        self._release()
        try:
            for path in (path for pattern in _OWN for path in self._directory.glob(pattern)):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            with suppress(OSError):
                self._directory.rmdir()
        except OSError as error:
            raise StoreError(f"{error.filename}: cannot be deleted: {error.strerror}") from error

    def close(self) -> None:
        """Also brings the derived parts up to date if this object changed the index: see ``refresh``."""
        if self._applied:
            with suppress(StoreError):  # whoever searches next catches up, and will say what is wrong
                self.refresh()
        self._release()

    def _release(self) -> None:
        self._applied = False
        self._matrix.close()
        self._lexical.close()
        self._table.close()

    def _dense(self, query: Dense) -> list[Hit]:
        with self._latest(self._matrix) as (view, snapshot):
            return self._hits(view, snapshot.nearest(view, query), query.k)

    def _best(self, query: Lexical) -> list[Hit]:
        with self._latest(self._lexical) as (view, snapshot):
            found = snapshot.best(query.text, query.k, None if _admits_all(view, query.scope) else query.scope)
            return self._hits(view, found, query.k)

    def _hits(self, view: View, found: Sequence[tuple[int, float]], k: int) -> list[Hit]:
        """The first ``k`` by score, then by chunk id, of hits that hold all ties of the k-th."""
        rows = [row for row, _ in found]
        chunks = self._chunks.known(rows)
        if len(chunks) == len(rows):
            known = sorted((-score, chunks[row].id, row) for row, score in found)
            return [Hit(chunks[row], -negated) for negated, _, row in known[:k]]
        ids = {row: chunk.id for row, chunk in chunks.items()}
        ids |= view.ids([row for row in rows if row not in ids])
        if len(ids) < len(rows):
            raise DamagedIndex("holds rows that the table does not")
        first = sorted((-score, ids[row], row) for row, score in found)[:k]
        chunks = self._chunks.of([row for _, _, row in first], view.chunks)
        return [Hit(chunks[row], -negated) for negated, _, row in first]

    def _lexical_ids(self) -> list[str]:
        with self._latest(self._lexical) as (_, snapshot):
            return snapshot.ids()

    @contextmanager
    def _latest(self, part: _Part[_S]) -> Iterator[tuple[View, _S]]:
        """A view of the latest state, and the part's snapshot of that very state."""
        with ExitStack() as stack:
            view = stack.enter_context(self._table.view())
            snapshot = part.current
            if snapshot is None or snapshot.stamp != view.stamp:
                stack.close()
                with part.deriving():
                    # A fresh view: while waiting, another process may have brought the part further.
                    view = stack.enter_context(self._table.view())
                    snapshot = part.derive(view)
            yield view, snapshot

    def _healing(self, part: _Part[_Snapshot], act: Callable[[], _T]) -> _T:
        """``act()``; where the part it reads turns out to be damaged, once more after building it anew."""
        try:
            return act()
        except DamagedIndex:
            with part.deriving(), self._table.view() as view:
                part.rebuild(view)
        try:
            return act()
        except DamagedIndex as error:
            raise StoreError(
                f"{self._directory}: a part cannot be read even when it was just built: {error}; check the disk"
            ) from error


def _admits_all(view: View, scope: Scope) -> bool:
    return scope.documents is None and view.labels(scope) is None
