"""What changed in the sources since the ledger was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from assay.ingestion.rows import State
from assay.ingestion.sources import Item, Source, Unreadable
from assay.ingestion.walking import walk

_ITEMS, _BYTES = 512, 8_000_000
"""How much one step looks at: enough to be worth a thread, little enough for memory and progress."""


class Survey:
    """A walk through the sources, held against what the ledger knows.

    ``seen`` are the ids of documents that exist, ``unchanged`` of them are as they were indexed;
    ``restored`` had failed and are again what was last indexed.
    """

    def __init__(self, sources: Sequence[Source], states: Mapping[str, State]) -> None:
        self.seen: set[str] = set()
        self.unchanged = 0
        self.restored: list[str] = []
        self.unreadable: list[Unreadable] = []
        self._states = states
        self._steps = self._walked(sources)

    def step(self) -> list[Item] | None:
        """The next items that are new or changed; None at the end of the sources. Blocks."""
        return next(self._steps, None)

    def vanished(self, states: Iterable[State]) -> list[str]:
        """The documents among these that no longer exist; to be asked at the end.

        What cannot be told, since its file or folder could not be read, has not vanished.
        """
        broken = {unreadable_id(found, self.seen) for found in self.unreadable}
        whole = [found for found in self.unreadable if found.whole]
        return [
            state.document
            for state in states
            if state.document not in self.seen
            and state.document not in broken
            and not any(found.concerns(state.source, state.document) for found in whole)
        ]

    def _walked(self, sources: Sequence[Source]) -> Iterator[list[Item]]:
        changed: list[Item] = []
        looked = size = 0
        for found in walk(sources):
            looked += 1
            if isinstance(found, Unreadable):
                self.unreadable.append(found)
            else:
                self.seen.add(found.id)
                if self._differs(found):
                    changed.append(found)
                    size += len(found.content) if isinstance(found.content, bytes) else len(found.content.text)
            if looked >= _ITEMS or size >= _BYTES:
                yield changed
                changed, looked, size = [], 0, 0
        yield changed

    def _differs(self, item: Item) -> bool:
        state = self._states.get(item.id)
        if state is None or state.fingerprint != item.fingerprint or state.status == "pending":
            return True
        if state.status == "failed":
            self.restored.append(item.id)
        self.unchanged += 1
        return False


def unreadable_id(found: Unreadable, seen: set[str]) -> str:
    """Under which id the ledger keeps a failure: the document's, where one is meant, or else its place."""
    meant = found.covers if not found.whole else None
    return meant if meant is not None and meant not in seen else found.uri
