"""Reading a SQLite file where nothing can be written beside it: a full disk, a folder without rights.

A database in write-ahead mode keeps two files beside it while it is open. Where they cannot be
made, a file that nobody is writing can still be read as if it never changed.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

_CAUSES = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_FULL")


def reading(path: Path, error: sqlite3.Error) -> sqlite3.Connection:
    """A connection that can only read, after opening failed with ``error``; for one short use.

    Raises ``error`` where it has another cause, or a log beside the file says that a writer is,
    or was, at work: what it committed is not in the file yet.
    """
    log = path.with_name(f"{path.name}-wal")
    name = getattr(error, "sqlite_errorname", "")
    try:
        usable = path.is_file() and not (log.exists() and log.stat().st_size)
    except OSError:
        usable = False
    if not usable or not str(name).startswith(_CAUSES):
        raise error
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
