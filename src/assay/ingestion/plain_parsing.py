"""Plain text, Markdown and source code: kept unchanged, so that positions are the file's own."""

from __future__ import annotations

from anyio import to_thread

from assay.ingestion import markdown
from assay.ingestion.decoding import decoded
from assay.ingestion.media import CODE, MARKDOWN, PLAIN
from assay.ingestion.parsing import Parsed

PARSER_REVISION = "plain-1"
_INLINE = 200_000
"""Up to this many bytes parsing takes less than handing it to a thread is worth."""


class PlainParser:
    """Text as it stands; headings of Markdown become marks."""

    @property
    def revision(self) -> str:
        return PARSER_REVISION

    def reads(self, media_type: str) -> bool:
        return media_type in (PLAIN, MARKDOWN, CODE)

    async def parse(self, content: bytes, media_type: str) -> Parsed:
        """Raises SourceError for binary content and unknown encodings."""
        if len(content) <= _INLINE:
            return parsed(content, media_type)
        return await to_thread.run_sync(parsed, content, media_type)


def parsed(content: bytes, media_type: str) -> Parsed:
    """Decode, and find headings and title."""
    text = decoded(content)
    if media_type == MARKDOWN:
        marks = markdown.headings(text)
        return Parsed(markdown.title(text, marks), text, marks)
    return Parsed(_first_line(text) if media_type == PLAIN else "", text)


def _first_line(text: str) -> str:
    """A short first line that stands alone and does not end like a sentence is the title."""
    first, _, rest = text.lstrip().partition("\n")
    first = first.strip()
    alone = rest.partition("\n")[0].strip(" \t\r=-~*#") == ""
    return first if alone and 0 < len(first) <= 80 and first[-1] not in ".,;:!?" else ""
