"""One process at a time: a lock on a file that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.errors import StoreError

_PATIENCE = 600.0
_PAUSE = 0.01


@contextmanager
def exclusive(path: Path, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold the lock on ``path`` for the block; waits for another holder, thread or process.

    Raises StoreError after ``patience`` seconds, or when the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror}; grant write permission on the folder") from error
    try:
        _acquire(descriptor, path, patience)
        yield
    finally:
        os.close(descriptor)  # releases the lock


def _acquire(descriptor: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{path}: another process has held the lock for {patience:.0f} s; end it and run again"
                ) from None
            time.sleep(_PAUSE)
        except OSError as error:
            raise StoreError(f"{path}: cannot be locked: {error.strerror}; use a local disk") from error
