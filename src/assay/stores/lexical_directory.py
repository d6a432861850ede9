"""Lexical search over a directory of tantivy, derived from the chunk table and kept in step with it.

The stamp of the state that the directory holds is an entry of the index itself, so that one
commit of tantivy changes contents and stamp together. A directory whose stamp is in the table's
history catches up: what was removed since is deleted, what was added since is added. Anything
else (missing, damaged, another recipe, a stamp that the table does not know) is built anew beside
it and renamed. One process derives at a time; a searcher keeps the state that it was opened on.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import tantivy
from tantivy import Occur, Query

from assay.errors import StoreError
from assay.stores import lexical
from assay.stores.chunk_view import Stamp, View
from assay.stores.damage import DamagedIndex
from assay.stores.index import Scope
from assay.stores.lock import exclusive

_HEAP = 192_000_000  # bytes a writer may use before it writes a segment; few large ones search faster
_SMALL_HEAP = 16_000_000
_DELETES = 1_000  # rows in one query
_REBUILD_SHARE = 8  # anew once one row in so many was removed: BM25 counts removed rows until then

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LexicalSnapshot:
    """The lexical side of one committed state."""

    stamp: Stamp
    searcher: tantivy.Searcher
    schema: tantivy.Schema

    def best(self, text: str, k: int, scope: Scope | None) -> list[tuple[int, float]]:
        """Row numbers and BM25 scores of the best ``k`` chunks and of all that equal the k-th.

        ``scope`` None admits all. Raises DamagedIndex.
        """
        terms = lexical.words(lexical.analyzer(), text)
        question = _guarded(lambda: lexical.question_query(self.searcher, self.schema, terms))
        if question is None or k <= 0:
            return []
        if scope is not None:
            question = _both(question, lexical.scope_query(self.schema, scope))
        everything = self.searcher.num_docs + 1
        limit = min(k + 16, everything)
        while True:
            hits = self._hits(question, limit)
            if len(hits) < limit or hits[k - 1][1] > hits[-1][1]:
                kth = hits[min(k, len(hits)) - 1][1] if hits else 0.0
                return [hit for hit in hits if hit[1] >= kth]
            limit = min(limit * 4, everything)

    def count(self, scope: Scope) -> int:
        """How many chunks the scope admits. Raises DamagedIndex."""
        return self._counted(lexical.scope_query(self.schema, scope))

    def frequency(self, terms: Sequence[str], scope: Scope | None) -> int:
        """How many chunks that the scope admits have all these terms. Raises DamagedIndex."""
        query = lexical.containing_query(self.schema, terms)
        return self._counted(query if scope is None else _both(query, lexical.scope_query(self.schema, scope)))

    def _counted(self, query: Query) -> int:
        # The stubs of tantivy 0.27 leave `count` out.
        return int(_guarded(lambda: self.searcher.search(query, 1, count=True).count))  # type: ignore[attr-defined]

    def ids(self) -> list[str]:
        """The ids of all chunks that can be found, as stored. Raises DamagedIndex."""
        return _guarded(self._ids)

    def _hits(self, query: Query, limit: int) -> list[tuple[int, float]]:
        def search() -> list[tuple[int, float]]:
            hits = self.searcher.search(query, limit, count=False).hits
            rows = self.searcher.fast_field_values("row", [address for _, address in hits])
            return [(int(row or 0), float(score)) for row, (score, _) in zip(rows, hits, strict=True)]

        return _guarded(search)

    def _ids(self) -> list[str]:
        hits = self.searcher.search(Query.all_query(), max(self.searcher.num_docs, 1), count=False).hits
        found = (self.searcher.doc(address).get_first("id") for _, address in hits)
        return [id for id in found if isinstance(id, str)]


class LexicalDirectory:
    """The directory of one index; ``current`` is the state that it was last brought to here."""

    def __init__(self, directory: Path) -> None:
        self._parent, self._path = directory, directory / "lexical"
        self._lock = threading.Lock()
        self.current: LexicalSnapshot | None = None

    @contextmanager
    def deriving(self) -> Iterator[None]:
        """Hold this around a view and ``derive``: no other thread or process derives meanwhile.

        Raises StoreError when the lock cannot be had.
        """
        with self._lock, exclusive(self._parent / "lexical.lock"):
            yield

    def derive(self, view: View) -> LexicalSnapshot:
        """The snapshot of the view's state; the directory holds that state afterwards.

        Raises StoreError when the directory cannot be written.
        """
        if self.current is None or self.current.stamp != view.stamp:
            self.current = self._opened(view) or self._rebuilt(view)
        return self.current

    def rebuild(self, view: View) -> LexicalSnapshot:
        """The same, built anew whatever is there."""
        self.current = self._rebuilt(view)
        return self.current

    def close(self) -> None:
        self.current = None

    def _opened(self, view: View) -> LexicalSnapshot | None:
        """What is there, caught up; None if it has to be built anew."""
        with suppress(DamagedIndex):
            index = _guarded(lambda: lexical.prepare(tantivy.Index.open(str(self._path))))
            stamp = _stamp_of(index)
            if stamp is None:
                return None
            if stamp == view.stamp or _guarded(lambda: _catch_up(index, stamp, view, self._buried())):
                _guarded(index.reload)
                return LexicalSnapshot(view.stamp, index.searcher(), index.schema)
        return None

    def _rebuilt(self, view: View) -> LexicalSnapshot:
        self._sweep()
        new = self._parent / f"lexical.{secrets.token_hex(8)}.new"
        old = new.with_suffix(".old")
        try:
            new.mkdir(parents=True)
            _guarded(lambda: _build(new, view))
            if os.path.lexists(self._path):
                self._path.rename(old)
            new.rename(self._path)
            _remove(old)
            index = _guarded(lambda: lexical.prepare(tantivy.Index.open(str(self._path))))
            _guarded(index.reload)
            return LexicalSnapshot(view.stamp, index.searcher(), index.schema)
        except (OSError, DamagedIndex) as error:
            _remove(new)
            raise StoreError(
                f"{self._path}: cannot be built: {error}; check permissions and free space, then run again"
            ) from error

    def _buried(self) -> int:
        """Deleted entries that tantivy still counts, from its own list of segments."""
        segments = json.loads((self._path / "meta.json").read_text("utf-8"))["segments"]
        return sum(int((segment.get("deletes") or {}).get("num_deleted_docs", 0)) for segment in segments)

    def _sweep(self) -> None:
        """Remove what a killed process left: whoever holds the lock is the only one here."""
        for path in self._parent.glob("lexical.*"):
            if path.suffix in (".new", ".old"):
                _remove(path)


def _build(directory: Path, view: View) -> None:
    index = lexical.prepare(tantivy.Index(lexical.schema(), path=str(directory)))
    writer = index.writer(_HEAP, 1)
    for row, chunk in view.chunks_after(0):
        writer.add_document(lexical.entry(row, chunk))
    _commit(writer, view.stamp)


def _catch_up(index: tantivy.Index, stamp: Stamp, view: View, buried: int) -> bool:
    """Bring the index from ``stamp`` to the view's state; False if it has to be built anew.

    ``buried`` entries are deleted already but not yet merged away.
    """
    last_row = view.last_row_at(stamp)
    if last_row is None:
        return False
    removed = view.removed(stamp, last_row)
    if (len(removed) + buried) * _REBUILD_SHARE > view.count() + _REBUILD_SHARE:
        return False
    writer = index.writer(_SMALL_HEAP, 1)
    writer.delete_documents_by_term("role", "stamp")
    # By query: tantivy-py takes a number for a signed one, and deletes nothing by such a term.
    for at in range(0, len(removed), _DELETES):
        rows = removed[at : at + _DELETES].tolist()
        writer.delete_documents_by_query(Query.term_set_query(index.schema, "row", rows))
    for row, chunk in view.chunks_after(last_row):
        writer.add_document(lexical.entry(row, chunk))
    _commit(writer, view.stamp)
    return True


def _commit(writer: tantivy.IndexWriter, stamp: Stamp) -> None:
    text = f"{lexical.LEXICAL_REVISION}:{stamp.generation}:{stamp.token.hex()}"
    writer.add_document(tantivy.Document(role="stamp", stamp=text))
    writer.commit()
    writer.wait_merging_threads()


def _stamp_of(index: tantivy.Index) -> Stamp | None:
    """The stamp that the directory carries; None if it has none or another recipe's."""

    def read() -> Stamp | None:
        searcher = index.searcher()
        hits = searcher.search(Query.term_query(index.schema, "role", "stamp", "basic"), 2, count=False).hits
        if len(hits) != 1:
            return None
        text = str(searcher.doc(hits[0][1]).get_first("stamp"))
        found = re.fullmatch(rf"{lexical.LEXICAL_REVISION}:(\d+):([0-9a-f]+)", text)
        return Stamp(int(found[1]), bytes.fromhex(found[2])) if found else None

    return _guarded(read)


def _remove(path: Path) -> None:
    """Whatever it is; what cannot be removed now is swept before the next build."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _both(question: Query, scope: Query) -> Query:
    return Query.boolean_query([(Occur.Must, question), (Occur.Must, scope)])


def _guarded(act: Callable[[], _T]) -> _T:
    """``act()``, with every way in which tantivy fails on a bad directory told as DamagedIndex."""
    try:
        return act()
    except (ValueError, OSError, RuntimeError, SystemError, KeyError, TypeError) as error:
        raise DamagedIndex(str(error)) from error
    except BaseException as error:
        # A panic in Rust; its class derives from BaseException and cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise DamagedIndex(str(error)) from error
