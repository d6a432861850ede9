"""Sources: where documents come from, and the items that are found there.

Walking is lazy and in a fixed order. What cannot be read is a value, never an exception:
one bad file does not stop the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from assay.digest import Digest
from assay.documents import PUBLIC, Scalar

MAX_BYTES = 50_000_000
"""The default limit for one document; above it a file is nearly always a dump or a log."""

NO_FILE = "is a pipe, a socket or a device, not a file; exclude it"
"""Why such a place is not opened: to read one may wait for ever."""


@dataclass(frozen=True)
class Source:
    """One place that documents come from.

    ``include`` empty means every extension that can be read. ``prefix`` is put before the
    id of each document, to keep two sources apart. ``access`` and ``metadata`` hold for
    every document that does not bring its own.
    """

    name: str
    path: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    access: tuple[str, ...] = (PUBLIC,)
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    kind: Literal["folder", "file", "jsonl"] | None = None
    prefix: str = ""
    max_bytes: int = MAX_BYTES

    @cached_property
    def settings(self) -> str:
        """Everything of the source that goes into its documents, as text; part of each fingerprint."""
        return json.dumps([self.name, sorted(self.access), dict(sorted(self.metadata.items()))])


@dataclass(frozen=True, slots=True)
class Record:
    """A document as a line of JSONL gives it. None where the source's own setting holds."""

    title: str
    text: str
    access: tuple[str, ...] | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """A document that was found: its id, where it stands (``uri``), and its content as read.

    ``fingerprint`` changes with the content's bytes and with the source's settings.
    """

    id: str
    uri: str
    source: Source
    media_type: str
    content: bytes | Record
    fingerprint: Digest


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that should have been a document, or many, but could not be read.

    ``covers`` is the id of the document that is meant; when ``whole``, the prefix of all the
    source's ids of which nothing is known now: those have not disappeared. None when no
    document is meant.
    """

    uri: str
    error: str
    source: str
    covers: str | None = None
    whole: bool = False

    def concerns(self, source: str, document: str) -> bool:
        """Whether it is unknown if this document still exists."""
        if self.covers is None or source != self.source:
            return False
        return document.startswith(self.covers) if self.whole else document == self.covers


Found: TypeAlias = Item | Unreadable


def fingerprint(content: bytes, source: Source, media_type: str) -> Digest:
    """Changes with the bytes, the way they are read, and the source's settings."""
    hashed = hashlib.sha256(f"{media_type}\n{source.settings}\n".encode("utf-8", "surrogatepass"))
    hashed.update(content)
    return Digest(hashed.hexdigest())
