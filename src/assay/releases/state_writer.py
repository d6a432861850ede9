"""Writing to an application's state once something is to be written.

The database's library is imported with the first batch of spans, in the recorder's thread: by
then the answer is on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.releases.project import Project
from assay.traces import Span

if TYPE_CHECKING:
    from assay.stores.database import Database
    from assay.stores.traces import TraceStore


class StateWriter:
    """A store for spans that opens itself, and keeps the release that they name, with its files."""

    def __init__(self, project: Project) -> None:
        self._project, self._lock = project, threading.Lock()
        self._database: Database | None = None
        self._traces: TraceStore | None = None

    def write(self, spans: Sequence[tuple[str, Span]]) -> None:
        """Write spans by trace. Raises StoreError."""
        self._opened().write(spans)

    def close(self) -> None:
        """Release the database, if it was opened."""
        if self._database is not None:
            self._database.close()

    def _opened(self) -> TraceStore:
        with self._lock:
            if self._traces is None:
                from assay.releases.history.snapshots import Snapshots
                from assay.releases.parts import database
                from assay.releases.store import ReleaseStore
                from assay.stores.blobs import BlobStore
                from assay.stores.traces import TraceStore

                if self._database is None:  # a failed attempt before this one may have opened it
                    self._database = database(self._project)
                ReleaseStore(BlobStore(self._database)).keep(self._project.release)
                Snapshots(self._database).keep(self._project)
                self._traces = TraceStore(self._database)
            return self._traces
