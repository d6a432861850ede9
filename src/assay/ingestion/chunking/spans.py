"""From spans of a document to its chunks."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from assay.digest import digest_text
from assay.documents import Chunk, Document

PATH_PARTS = 4
"""The innermost headings that a chunk carries; more would crowd out its own text."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span that becomes a chunk, and the headings above it, outermost first."""

    start: int
    end: int
    headings: tuple[str, ...] = ()


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space at its ends."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, max(start, start + len(piece.strip()))


def chunks(document: Document, spans: Iterable[Span]) -> list[Chunk]:
    """One chunk for each span that is more than white space."""
    marks = [mark for mark in document.marks if mark.kind != "heading"]
    starts = [mark.start for mark in marks]
    made: list[Chunk] = []
    for span in spans:
        start, end = trimmed(document.text, span.start, span.end)
        if start >= end:
            continue
        text = document.text[start:end]
        place = bisect_right(starts, start)
        made.append(
            Chunk(
                id=chunk_id(document.id, start, end, text),
                document=document.id,
                ordinal=len(made),
                start=start,
                end=end,
                text=text,
                title=document.title,
                headings=span.headings[-PATH_PARTS:],
                page=marks[place - 1].label if place else None,
                access=document.access,
                metadata=document.metadata,
            )
        )
    return made


def chunk_id(document: str, start: int, end: int, text: str) -> str:
    """20 hexadecimal digits: the same document, span and text always give the same id."""
    name = f"{document}\n{start}\n{end}\n{digest_text(text)}"
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def path_at(document: Document) -> list[tuple[int, tuple[str, ...]]]:
    """Where each heading path begins, in order; the text before the first has the empty path."""
    paths: list[tuple[int, tuple[str, ...]]] = []
    open_: list[tuple[int, str]] = []
    for mark in document.marks:
        if mark.kind != "heading":
            continue
        while open_ and open_[-1][0] >= mark.level:
            open_.pop()
        open_.append((mark.level, mark.label))
        paths.append((mark.start, tuple(label for _, label in open_)))
    return paths
