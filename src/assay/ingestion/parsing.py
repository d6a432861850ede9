"""The port of a parser: from bytes to a text with marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.documents import Document, Mark
from assay.errors import SourceError
from assay.ingestion.sources import Item, Record


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text, the title it gives itself (empty when none), and its marks in order of ``start``."""

    title: str
    text: str
    marks: tuple[Mark, ...] = ()


class Parser(Protocol):
    """Reads some media types. The result depends on the bytes and the media type alone, never on the
    file's name: a renamed file must give the same text."""

    @property
    def revision(self) -> str:
        """Changes whenever the same bytes may give another result."""
        ...

    def reads(self, media_type: str) -> bool: ...

    async def parse(self, content: bytes, media_type: str) -> Parsed:
        """Raises SourceError with the reason, without the file's name, when there is nothing to read."""
        ...


async def document(item: Item, parsers: Sequence[Parser]) -> Document:
    """The document that an item holds. Raises SourceError."""
    source, content = item.source, item.content
    if isinstance(content, Record):
        _check(content.text)
        return Document(
            item.id,
            source.name,
            content.title,
            content.text,
            item.media_type,
            content.access or source.access,
            {**source.metadata, **content.metadata},
        )
    parser = next((parser for parser in parsers if parser.reads(item.media_type)), None)
    if parser is None:
        raise SourceError(f"no parser reads {item.media_type}")
    if not content:
        raise SourceError("is an empty file (0 bytes)")
    parsed = await parser.parse(content, item.media_type)
    _check(parsed.text)
    return Document(
        item.id,
        source.name,
        parsed.title,
        parsed.text,
        item.media_type,
        source.access,
        source.metadata,
        parsed.marks,
    )


def revision(parsers: Sequence[Parser]) -> str:
    """The revisions of all parsers, for the recipe of an index."""
    return " ".join(parser.revision for parser in parsers)


def _check(text: str) -> None:
    if not text or text.isspace():
        raise SourceError("holds no text")
