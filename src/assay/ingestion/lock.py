"""One ingestion at a time: a lock on a file, which the kernel frees when its holder dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.errors import StoreError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock. Raises StoreError when another process, or this one, already holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened for the ingestion's lock: {error.strerror}") from error
    try:
        if not _taken(handle):
            os.lseek(handle, 1, os.SEEK_SET)
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise StoreError(f"another ingestion (process {holder}) is running; wait until it has finished, or end it")
        os.ftruncate(handle, 1)
        os.lseek(handle, 1, os.SEEK_SET)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _taken(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _taken(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
