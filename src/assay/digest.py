"""Content addressing: canonical bytes and their SHA-256.

Canonical bytes are JSON after RFC 8785 in the parts that Assay uses: object keys
sorted by code point, no white space, UTF-8, no NaN or infinity, and numbers that
have one spelling (an integral float is written as an integer, so that ``0`` and
``0.0`` in a file name the same setting).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import NewType

Digest = NewType("Digest", str)
"""Lower-case hexadecimal SHA-256, 64 characters."""


def canonical(value: object) -> bytes:
    """Canonical bytes of a JSON-like value.

    Takes mappings with string keys, sequences and scalars.
    Raises TypeError for anything that is not JSON, ValueError for NaN and infinity.
    """
    return json.dumps(
        _plain(value, "$"), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode("utf-8", "surrogatepass")


def digest(value: object) -> Digest:
    """SHA-256 of the canonical bytes of a JSON-like value."""
    return digest_bytes(canonical(value))


def digest_text(text: str) -> Digest:
    """SHA-256 of a text's UTF-8 bytes."""
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def digest_bytes(data: bytes) -> Digest:
    """SHA-256 of bytes, in hexadecimal."""
    return Digest(hashlib.sha256(data).hexdigest())


def _plain(value: object, place: str) -> object:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} at {place} has no canonical form")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} at {place} is not a string")
        return {key: _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item, f"{place}[{i}]") for i, item in enumerate(value)]
    raise TypeError(f"{type(value).__name__} at {place} is not JSON")
