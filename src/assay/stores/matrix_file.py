"""The matrix on disk: vectors first, then their index, then a footer.

    size  what
    4nd   vectors, float32, row after row
    8n    row numbers, int64, ascending
    4n    labels, int32
    64    footer: the format's name (8), generation (8), token (16), n (8), d (8),
          CRC-32 (4) of row numbers, labels and the footer so far; zeros

Everything is little endian. The vectors come first so that they are aligned, and so that
they can be written while they are read, before their number is known.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from assay.stores.chunk_view import Rows, Stamp

_MAGIC = b"ASSAYMX1"
_FIELDS = struct.Struct("<8sq16sqq")
_FOOTER = 64


def write_matrix(path: Path, stamp: Stamp, blocks: Iterator[Rows], dimensions: int) -> None:
    """Write the file beside ``path``, then rename it over: readers see the old one or the new one.

    ``blocks`` come in order of row number. Raises OSError.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        with temporary.open("wb") as file:
            numbers, labels = [np.empty(0, "<i8")], [np.empty(0, "<i4")]
            for block in blocks:
                numbers.append(block.numbers)
                labels.append(block.labels)
                file.write(np.ascontiguousarray(block.vectors, "<f4").tobytes())
            index = np.concatenate(numbers).astype("<i8").tobytes()
            index += np.concatenate(labels).astype("<i4").tobytes()
            footer = _FIELDS.pack(_MAGIC, stamp.generation, stamp.token, len(index) // 12, dimensions)
            file.write(
                index + (footer + struct.pack("<I", zlib.crc32(footer, zlib.crc32(index)))).ljust(_FOOTER, b"\0")
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_matrix(path: Path, dimensions: int) -> tuple[Stamp, Rows] | None:
    """The file's stamp and rows, the vectors mapped; None if it is missing, damaged or of another kind."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _FOOTER:
                return None
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    footer = mapped[size - _FOOTER :]
    magic, generation, token, count, found = _FIELDS.unpack_from(footer)
    if magic != _MAGIC or found != dimensions or count < 0:
        return None
    end = count * dimensions * 4
    if size != end + count * 12 + _FOOTER:
        return None
    index = mapped[end : end + count * 12]
    if struct.unpack_from("<I", footer, _FIELDS.size)[0] != zlib.crc32(footer[: _FIELDS.size], zlib.crc32(index)):
        return None
    numbers = np.frombuffer(index, "<i8", count)
    labels = np.frombuffer(index, "<i4", count, offset=count * 8)
    vectors = np.frombuffer(mapped, "<f4", count * dimensions).reshape(count, dimensions)
    return Stamp(generation, token), Rows(numbers, labels, vectors)
