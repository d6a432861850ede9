"""What a scope admits, said once for every index.

A filter compares a metadata value by its canonical JSON (see ``assay.digest.canonical``): the
numbers 1 and 1.0 are equal, True is not 1, and the text "1" equals neither. A key that a chunk
does not have equals nothing. A scope without groups admits nothing.
"""

from __future__ import annotations

import hashlib

from assay.digest import canonical
from assay.documents import Chunk, Scalar
from assay.errors import InputError
from assay.stores.index import Scope

_SEPARATOR = "\x1f"  # canonical JSON never holds it raw, so that the last one ends the key
_LONGEST = 512  # bytes of UTF-8; search engines refuse or cut very long terms


def term(text: str) -> str:
    """``text`` as an index term: itself, or its hash where it is too long or not valid Unicode."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= _LONGEST and is_unicode(text):
        return text
    return f"{_SEPARATOR}sha256:{hashlib.sha256(data).hexdigest()}"


def metadata_term(key: str, value: Scalar) -> str:
    """The term of one metadata value; equal for equal values and only for these.

    Raises InputError for NaN and infinity, and for what is not a scalar.
    """
    if not isinstance(value, str | int | float | bool):
        raise InputError(f"metadata {key!r} is a {type(value).__name__}; only text, numbers and booleans filter")
    try:
        return term(f"{key}{_SEPARATOR}{canonical(value).decode('utf-8', 'surrogatepass')}")
    except ValueError as error:
        raise InputError(f"metadata {key!r} is {value}, which cannot be compared") from error


def group_terms(scope: Scope) -> list[str]:
    """One of these must be among the chunk's access terms."""
    return sorted(term(group) for group in scope.groups)


def where_terms(scope: Scope) -> list[str]:
    """Each of these must be among the chunk's metadata terms."""
    return sorted(metadata_term(key, value) for key, value in scope.where.items())


def access_terms_of(chunk: Chunk) -> list[str]:
    """The terms of the groups that may read a chunk."""
    return sorted({term(group) for group in chunk.access})


def metadata_terms_of(chunk: Chunk) -> list[str]:
    """The terms of a chunk's metadata. Raises InputError for a value that cannot be compared."""
    return sorted(metadata_term(key, value) for key, value in chunk.metadata.items())


def admits(scope: Scope, chunk: Chunk) -> bool:
    """Whether the scope admits this chunk: the rule that an index's query must follow."""
    if scope.documents is not None and chunk.document not in scope.documents:
        return False
    if scope.groups.isdisjoint(chunk.access):
        return False
    return set(where_terms(scope)).issubset(metadata_terms_of(chunk))


def is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates, which no store can take as text."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
