"""Exact dense search: a scan of all vectors, memory-mapped, with what changed since kept beside it.

The file is derived from the chunk table, written once and never changed: a newer one is made
under another name and renamed over it, so that a reader keeps the one that it mapped. What was
added and removed since the file's stamp is read from the table when it is needed and held in
memory; a new file is written when that has become much.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.stores.chunk_view import Rows, Stamp, View
from assay.stores.damage import DamagedIndex
from assay.stores.index import Dense, Scope, Vector
from assay.stores.lock import exclusive
from assay.stores.matrix_file import read_matrix, write_matrix
from assay.stores.scoping import where_terms

_PENDING = 512  # changed rows that are kept in memory in any case
_PENDING_SHARE = 16  # or this part of all rows, whichever is more
_MASKS = 64
_GATHER = 8  # only the admitted rows are scanned where they are fewer than one in so many


class Snapshot:
    """The vectors of one committed state: a base from the file and a tail of what was added since.

    Positions count through base and tail; ``alive`` is False where the row was removed since.
    """

    def __init__(self, stamp: Stamp, base: Rows, tail: Rows, alive: NDArray[np.bool_]) -> None:
        self.stamp, self.base, self.tail, self.alive = stamp, base, tail, alive
        self.numbers = np.concatenate([base.numbers, tail.numbers])
        self._labels = np.concatenate([base.labels, tail.labels])
        self._masks: OrderedDict[object, NDArray[np.bool_]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def pending(self) -> int:
        """Rows that a new file would hold and this one does not, and the reverse."""
        return len(self.tail.numbers) + int(len(self.alive) - np.count_nonzero(self.alive))

    def vectors_at(self, positions: NDArray[np.intp]) -> NDArray[np.float32]:
        """Rows of the whole matrix, shape (n, d)."""
        split = len(self.base.numbers)
        found = np.empty((len(positions), self.base.vectors.shape[1]), np.float32)
        in_base = positions < split
        found[in_base] = self.base.vectors[positions[in_base]]
        found[~in_base] = self.tail.vectors[positions[~in_base] - split]
        return found

    def alive_among(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these row numbers this state holds, shape (n,)."""
        if not len(self.numbers):
            return np.zeros(len(rows), np.bool_)
        positions = np.minimum(np.searchsorted(self.numbers, rows), len(self.numbers) - 1)
        return np.asarray((self.numbers[positions] == rows) & self.alive[positions])

    def vectors_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of these row numbers, shape (n, d). Raises DamagedIndex for one that is not here."""
        return self.vectors_at(self._positions(rows))

    def _positions(self, rows: NDArray[np.int64]) -> NDArray[np.intp]:
        positions = np.searchsorted(self.numbers, rows)
        if len(rows) and (positions.max() >= len(self.numbers) or not np.array_equal(self.numbers[positions], rows)):
            raise DamagedIndex("lacks rows that the table has")
        return positions

    def mask(self, view: View, scope: Scope) -> NDArray[np.bool_]:
        """Which positions the scope admits, its documents not looked at. ``view`` must be of this state."""
        key = (scope.groups, tuple(where_terms(scope)))
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        mask = self._mask(view, scope)
        with self._lock:
            self._masks[key] = mask
            while len(self._masks) > _MASKS:
                self._masks.popitem(last=False)
        return mask

    def _mask(self, view: View, scope: Scope) -> NDArray[np.bool_]:
        mask = self.alive.copy()
        labels = view.labels(scope)
        if labels is not None:
            largest = int(max(self._labels.max(initial=0), labels.max(initial=0)))
            admitted = np.zeros(largest + 1, np.bool_)
            admitted[labels] = True
            mask &= admitted[self._labels]
        return mask

    def nearest(self, view: View, query: Dense) -> list[tuple[int, float]]:
        """Row numbers and cosines of the best ``k`` admitted rows and of all that equal the k-th.

        The scan is in float32; whatever may belong to the best within its rounding error is
        computed again in float64, row by row, so that a score depends on the two vectors alone
        and not on where a row stands. ``view`` must be of this snapshot's state. Raises DamagedIndex.
        """
        mask = self.mask(view, query.scope)
        vector = np.ascontiguousarray(query.vector, np.float32)
        few = self._few(view, query.scope, mask)
        if few is not None:
            positions, scores = few, _cosines(self.vectors_at(few), vector)
        else:
            positions = np.arange(len(mask))
            scores = np.concatenate([_cosines(self.base.vectors, vector), _cosines(self.tail.vectors, vector)])
            scores[~mask] = -np.inf
        admitted = int(np.count_nonzero(scores > -np.inf))
        if admitted == 0 or query.k <= 0:
            return []
        if query.k < admitted:
            kth = np.partition(scores, len(scores) - query.k)[len(scores) - query.k]
            # Twice the bound d·u on the error of a float32 dot product of unit vectors, u = 2⁻²⁴.
            positions = positions[scores >= kth - len(vector) * 2.0**-23]
        else:
            positions = positions[scores > -np.inf]
        return self._rescored(vector, positions, min(query.k, admitted))

    def _few(self, view: View, scope: Scope, mask: NDArray[np.bool_]) -> NDArray[np.intp] | None:
        """The admitted positions where they are too few for a scan of all rows, else None."""
        if scope.documents is None:
            few = np.flatnonzero(mask) if np.count_nonzero(mask) * _GATHER < len(mask) else None
        else:
            positions = self._positions(view.rows_of(scope.documents))
            few = positions[mask[positions]]
        return few

    def _rescored(self, query: Vector, positions: NDArray[np.intp], k: int) -> list[tuple[int, float]]:
        scores = np.empty(len(positions), np.float64)
        exact = query.astype(np.float64)
        for at in range(0, len(positions), 8192):
            block = self.vectors_at(positions[at : at + 8192]).astype(np.float64)
            scores[at : at + 8192] = (block * exact).sum(axis=1)
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        best = np.flatnonzero(scores >= kth)
        numbers = self.numbers[positions[best]]
        return [(int(row), float(score)) for row, score in zip(numbers, scores[best], strict=True)]

    def sound_rows(self, view: View) -> list[int]:
        """Numbers of the rows whose vector here is the one in the table; reads every vector."""
        sound: list[int] = []
        positions = np.flatnonzero(self.alive)
        for rows in view.rows() if len(positions) else ():
            at = np.searchsorted(self.numbers[positions], rows.numbers)
            here = positions[np.minimum(at, len(positions) - 1)]
            same = (self.numbers[here] == rows.numbers) & (self.vectors_at(here) == rows.vectors).all(axis=1)
            sound += rows.numbers[same].tolist()
        return sound

    def advanced(self, view: View) -> Snapshot | None:
        """This snapshot brought up to the view's state; None if that is not a later one of the same table."""
        last_row = view.last_row_at(self.stamp)
        if last_row is None:
            return None
        removed = view.removed(self.stamp, last_row)
        new = joined(view.rows(after=last_row), self.base.vectors.shape[1])
        alive = self.alive & ~np.isin(self.numbers, removed, assume_unique=True)
        kept = alive[len(self.base.numbers) :]
        tail = Rows(
            np.concatenate([self.tail.numbers[kept], new.numbers]),
            np.concatenate([self.tail.labels[kept], new.labels]),
            np.concatenate([self.tail.vectors[kept], new.vectors]),
        )
        alive = np.concatenate([alive[: len(self.base.numbers)], np.ones(len(tail.numbers), np.bool_)])
        return Snapshot(view.stamp, self.base, tail, alive)


class Matrix:
    """The vectors of the table's latest state. Safe for use from several threads."""

    def __init__(self, directory: Path, dimensions: int) -> None:
        self._path, self._dimensions = directory / "matrix.f32", dimensions
        self._lock_path = directory / "matrix.lock"
        self._lock = threading.Lock()
        self.current: Snapshot | None = None

    @contextmanager
    def deriving(self) -> Iterator[None]:
        """Hold this around a view and ``derive``: no other thread or process derives meanwhile.

        Raises StoreError when the lock cannot be had.
        """
        with self._lock, exclusive(self._lock_path):
            yield

    def derive(self, view: View) -> Snapshot:
        """The snapshot of the view's state, from memory, from the file, or from the table."""
        snapshot = self.current
        if snapshot is None or snapshot.stamp != view.stamp:
            snapshot = self._caught_up(snapshot, view) or self._rebuilt(view)
            self.current = snapshot
        return snapshot

    def rebuild(self, view: View) -> Snapshot:
        """The same, with the file written anew whatever is there."""
        self.current = self._rebuilt(view)
        return self.current

    def close(self) -> None:
        self.current = None

    def _caught_up(self, snapshot: Snapshot | None, view: View) -> Snapshot | None:
        found = snapshot.advanced(view) if snapshot is not None else None
        if found is None or self._is_much(found):
            filed = self._filed()
            if filed is not None and (newer := filed.advanced(view)) is not None:
                found = newer  # another process may have written a newer file meanwhile
        return None if found is None or self._is_much(found) else found

    def _is_much(self, snapshot: Snapshot) -> bool:
        return snapshot.pending > max(_PENDING, len(snapshot.numbers) // _PENDING_SHARE)

    def _filed(self) -> Snapshot | None:
        found = read_matrix(self._path, self._dimensions)
        if found is None:
            return None
        stamp, base = found
        return Snapshot(stamp, base, _no_rows(self._dimensions), np.ones(len(base.numbers), np.bool_))

    def _rebuilt(self, view: View) -> Snapshot:
        for left in self._path.parent.glob(f"{self._path.name}.*.new"):  # by a process that was killed
            left.unlink(missing_ok=True)
        # Derived: a full disk must not stop a search that memory can answer.
        with suppress(OSError):
            write_matrix(self._path, view.stamp, view.rows(), self._dimensions)
            filed = self._filed()
            if filed is not None and filed.stamp == view.stamp:
                return filed
        rows = joined(view.rows(), self._dimensions)
        alive = np.ones(len(rows.numbers), np.bool_)
        return Snapshot(view.stamp, rows, _no_rows(self._dimensions), alive)


def _cosines(vectors: NDArray[np.float32], query: Vector) -> NDArray[np.float32]:
    # Row by row rather than a matrix product: that would wake every core for a scan that memory
    # bounds anyway, and wait for the slowest of them where others are at work (12 ms for .3 ms).
    return np.asarray(np.vecdot(vectors, query), np.float32)


def joined(blocks: Iterator[Rows], dimensions: int) -> Rows:
    """All blocks as one."""
    found = [_no_rows(dimensions), *blocks]
    return Rows(
        np.concatenate([block.numbers for block in found]),
        np.concatenate([block.labels for block in found]),
        np.concatenate([block.vectors for block in found]),
    )


def _no_rows(dimensions: int) -> Rows:
    return Rows(np.empty(0, np.int64), np.empty(0, np.int32), np.empty((0, dimensions), np.float32))
