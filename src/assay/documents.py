"""Documents, their chunks, and citations: what is quoted and where it stands.

Every position is a character offset into ``Document.text`` (Unicode code points,
half-open), the text as it was extracted. For Markdown, plain text, source code and
JSONL that is the source's own text, unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assay.digest import Digest, digest

PUBLIC = "public"
"""The access group that every reader belongs to."""

Scalar: TypeAlias = str | int | float | bool
"""A metadata value; filters compare it for equality."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A named place in a text: where a heading, page, slide or sheet begins.

    ``level`` is the heading's depth from 1; 0 for the other kinds.
    """

    start: int
    kind: Literal["heading", "page", "slide", "sheet"]
    label: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its name, its marks in order of ``start``, and who may read it.

    ``id`` is unique in an application: what a JSONL source gave, or the path relative
    to its source. ``source`` names the ``[[sources]]`` entry. ``access`` holds the
    groups that may read, never empty.
    """

    id: str
    source: str
    title: str
    text: str
    media_type: str = "text/plain"
    access: tuple[str, ...] = (PUBLIC,)
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()

    @property
    def digest(self) -> Digest:
        """Changes with anything that an index entry of this document is made from; the media type decides
        how it is cut."""
        return digest(
            {
                "title": self.title,
                "text": self.text,
                "media_type": self.media_type,
                "access": sorted(self.access),
                "metadata": dict(self.metadata),
                "marks": [[m.start, m.kind, m.label, m.level] for m in self.marks],
            }
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document that is indexed as one.

    ``text`` is exactly ``document.text[start:end]``: what may be quoted.
    ``headings`` is the path of headings above it, outermost first; ``page`` the label of
    the page, slide or sheet on which it starts. ``ordinal`` counts within the document.
    """

    id: str
    document: str
    ordinal: int
    start: int
    end: int
    text: str
    title: str
    headings: tuple[str, ...] = ()
    page: str | None = None
    access: tuple[str, ...] = (PUBLIC,)
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def context(self) -> str:
        """Title and heading path, joined to what is embedded and indexed, never to what is quoted."""
        path = [self.title, *(h for h in self.headings if h != self.title)]
        return " › ".join(part for part in path if part)


@dataclass(frozen=True, slots=True)
class Citation:
    """A span that supports a sentence of an answer.

    ``quote`` is ``document.text[start:end]``; ``sentence`` is the sentence of the
    answer that it supports, as shown.
    """

    document: str
    chunk: str
    start: int
    end: int
    quote: str
    sentence: str
