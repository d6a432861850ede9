"""A pipe that can be left while it is being read, in whatever thread: Ctrl-C need not wait for who writes it."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast


@contextmanager
def leaving(source: BinaryIO) -> Iterator[BinaryIO]:
    """``source``, whose readers are told at the end of the block that nothing more comes.

    A thread that waits for a pipe cannot be cancelled, and Python waits for its threads before it ends. What is
    no open file, as in a test, is given back as it is.
    """
    try:
        raw = _Left(source.fileno())
    except io.UnsupportedOperation:
        yield source
        return
    try:
        yield cast(BinaryIO, io.BufferedReader(raw))
    finally:
        raw.leave()


class _Left(io.RawIOBase):
    """Reads a descriptor that stays another's, until it is left."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._told, self._tell = os.pipe()

    def readable(self) -> bool:
        return True

    def leave(self) -> None:
        """Whoever reads now or later reads the end. From any thread."""
        os.write(self._tell, b".")

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        ready, _, _ = select.select([self._descriptor, self._told], [], [])
        if self._told in ready:
            return 0
        data = os.read(self._descriptor, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Called when nobody holds it any more, so not while a thread still reads."""
        if not self.closed:
            os.close(self._told)
            os.close(self._tell)
        super().close()
