"""One ingestion at a time: a lock on a file, which the kernel frees when its holder dies.

Unlike ``assay.stores.lock`` this one does not wait: a second ingestion is a mistake to be told.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.errors import StoreError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock. Raises StoreError when another process, or this one, already holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened for the ingestion's lock: {error.strerror}") from error
    try:
        _take(handle, path)
        with suppress(OSError):  # on a full disk the lock holds all the same; only its holder has no name
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip("\0 \n") or "unknown"
        raise StoreError(
            f"another ingestion (process {holder}) is running; wait until it has finished, or end it"
        ) from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be locked: {error.strerror}; use a local disk") from error
