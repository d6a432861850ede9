"""Chunks that were read lately, so that searches need not decode them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assay.documents import Chunk

HELD = 20_000
"""Chunks that are kept: some 50 MB of ordinary text."""


class ChunkCache:
    """Chunks by row number. A row is never changed and its number never used again, so that nothing
    here can be out of date; whether a row still exists is for its reader to know. For several threads."""

    def __init__(self, held: int = HELD) -> None:
        self._held = held
        self._chunks: dict[int, Chunk] = {}
        self._rows: dict[str, int] = {}

    def known(self, rows: Sequence[int]) -> dict[int, Chunk]:
        """Those of these rows' chunks that are known."""
        known = self._chunks
        return {row: known[row] for row in rows if row in known}

    def rows(self, ids: Sequence[str]) -> dict[str, int]:
        """The row in which each of these ids was last seen, of those that were; it may be gone by now."""
        seen = self._rows
        return {id: seen[id] for id in ids if id in seen}

    def of(self, rows: Sequence[int], read: Callable[[Sequence[int]], Mapping[int, Chunk]]) -> dict[int, Chunk]:
        """The chunks in these rows, ``read`` being asked for those that are not known."""
        known = self._chunks
        found = {row: known[row] for row in rows if row in known}
        missing = [row for row in rows if row not in found]
        if missing:
            fresh = read(missing)
            if len(known) + len(fresh) > self._held:
                # A new dictionary, not an emptied one: other threads may be reading the old.
                self._chunks = known = {}
                self._rows = {}
            known.update(fresh)
            self._rows.update((chunk.id, row) for row, chunk in fresh.items())
            found.update(fresh)
        return found
